"""What `pricelm forecast` shows."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from pricelm.decisions.forecasting.records import SalesForecast, SeriesForecast

_MOST_LINES = 20


def forecast_table(made: SalesForecast) -> Table:
    """Return the series that will sell most, with their first and last period."""
    known = [one for one in made.series if one.level == "product"]
    known.sort(key=lambda one: -sum(one.units))
    period = "week" if made.period_days == 7 else "day"
    stores = any(one.store for one in known)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("product", overflow="ellipsis", max_width=24)
    if stores:
        table.add_column("store", overflow="ellipsis", max_width=12)
    steps = len(made.starts)
    heads = (
        f"price {made.currency}".strip(),
        f"{steps} {period}s",
        f"{period} 1",
        "interval",
        f"{period} {steps}",
    )
    for name in (*heads, "interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("sells", no_wrap=True)
    table.add_column("beware", no_wrap=True)
    for one in known[:_MOST_LINES]:
        table.add_row(Text(one.sku), *([Text(one.store)] if stores else []), *_cells(one))
    if len(known) > _MOST_LINES:
        table.add_row(Text(f"and {len(known) - _MOST_LINES:,} more", style="dim"))
    return table


def member_lines(made: SalesForecast) -> list[Text]:
    """Say which members the classes of series rest on, and what they got wrong in the past."""
    counts = [one for one in made.series if one.level == "product"]
    lines = [Text(f"\n{len(counts):,} series, {len(made.starts)} periods from {made.starts[0]}.")]
    for name, facts in made.members["products"].items():
        weights = sorted(facts["weights"].items(), key=lambda pair: -pair[1])
        said = ", ".join(f"{member} {weight:.0%}" for member, weight in weights if weight >= 0.01)
        error = facts["past_error"]
        missed = (
            "not tested: too little past" if error is None else f"missed {error:.0%} of the units in the past"
        )
        lines.append(Text.assemble((f"{facts['series']:,} {name}: ", "bold"), f"{said}; {missed}"))
    return lines


def _cells(one: SeriesForecast) -> list[str | Text]:
    warned = "test first" if "test first" in one.note else "price effect is a prior" if one.note else ""
    return [
        f"{one.price[0]:,.2f}",
        f"{sum(one.units):,.1f}",
        f"{one.units[0]:,.1f}",
        f"{one.low[0]:,.1f} to {one.high[0]:,.1f}",
        f"{one.units[-1]:,.1f}",
        f"{one.low[-1]:,.1f} to {one.high[-1]:,.1f}",
        one.series_class,
        Text(warned, style="yellow"),
    ]
