"""What `pricelm demand` shows, and how its column options are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from pricelm.core.errors import ConfigError
from pricelm.decisions.demand.records import DemandEstimate, DemandModel

_MOST_LINES = 20
_RUNGS = {
    "category prior": "prior",
    "willingness to pay": "worth",
    "fixed-effects Poisson": "Poisson",
    "double machine learning": "double ML",
}
_BADGES = {
    "strong sign of confounding": ("strong", "red"),
    "some sign of confounding": ("some", "yellow"),
    "no sign of confounding": ("none", "green"),
    "not tested": ("-", "dim"),
}


def demand_table(model: DemandModel) -> Table:
    """Return the best sellers with their elasticities."""
    known = [one for one in model.estimates if one.curve is not None]
    known.sort(key=_sales, reverse=True)
    period = "week" if round(model.period_days) == 7 else "month"
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("product", overflow="ellipsis", max_width=24)
    for name in (
        f"price {model.currency}".strip(),
        f"units a {period}",
        "elasticity",
        "interval",
        "known prices",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("rung", no_wrap=True)
    table.add_column("confounding", no_wrap=True)
    for one in known[:_MOST_LINES]:
        table.add_row(*_cells(one))
    if len(known) > _MOST_LINES:
        table.add_row(Text(f"and {len(known) - _MOST_LINES:,} more", style="dim"))
    return table


def rung_line(rungs: Mapping[str, int]) -> Text:
    """Say how many products stand on which rung of the ladder."""
    parts = [f"{count:,} by {rung}" for rung, count in rungs.items() if rung != "none"]
    refused = f"; {rungs['none']:,} refused" if rungs.get("none") else ""
    return Text(f"\n{sum(rungs.values()):,} products: {', '.join(parts) or 'none estimated'}{refused}.")


def refusal_lines(model: DemandModel) -> list[Text]:
    """Say which refusals there were, each with its number of products and an example."""
    named = [(one.refusal.split(":")[0], one) for one in model.estimates if one.refusal]
    lines = []
    for name, count in Counter(name for name, _ in named).most_common():
        example = next(one for known, one in named if known == name)
        said = example.refusal.partition(": ")[2]
        detail = f", for example {example.sku}" + (f" ({said})" if said else "")
        products = "1 product" if count == 1 else f"{count:,} products"
        lines.append(Text.assemble((f"{name}: {products}", "yellow"), (detail, "dim")))
    return lines


def column_pairs(pairs: Sequence[str]) -> dict[str, str | list[str]]:
    """Read ``role=column`` pairs; ``promotions`` may come several times.

    Raises
    ------
    ConfigError
        If a pair has no ``=``, or another role comes twice.

    Examples
    --------
    >>> column_pairs(["sku=UPC", "promotions=display", "promotions=mailer"])
    {'sku': 'UPC', 'promotions': ['display', 'mailer']}
    """
    found: dict[str, str | list[str]] = {}
    promotions: list[str] = []
    for pair in pairs:
        role, sign, column = pair.partition("=")
        if not sign or not role or not column:
            raise ConfigError(f"expected ROLE=COLUMN, for example sku=UPC, got {pair!r}")
        if role == "promotions":
            promotions.append(column)
        elif role in found:
            raise ConfigError(
                f"expected one column for {role!r}, got {found[role]!r} and {column!r}. Name one"
            )
        else:
            found[role] = column
    return {**found, "promotions": promotions} if promotions else found


def _sales(one: DemandEstimate) -> float:
    return one.curve.reference_units * one.curve.reference_price if one.curve else 0.0


def _cells(one: DemandEstimate) -> list[str | Text]:
    curve = one.curve
    if curve is None:
        return [one.sku]
    word, style = _BADGES[one.confounding.badge]
    return [
        Text(one.sku),
        f"{curve.reference_price:,.2f}",
        f"{curve.reference_units:,.1f}",
        Text(f"{curve.elasticity:.2f}", style="" if curve.elasticity < 0 else "red"),
        f"{one.elasticity_low:.2f} to {one.elasticity_high:.2f}",
        f"{curve.price_low:,.2f} to {curve.price_high:,.2f}",
        _RUNGS.get(one.rung, one.rung),
        Text(word, style=style),
    ]
