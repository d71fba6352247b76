"""What `pricelm compete` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pricelm.cli.tables import counts_line, places_view

if TYPE_CHECKING:
    from pricelm.services.competing import IndexResult
    from pricelm.services.matching_products import MatchResult
    from pricelm.services.responding import RespondResult
    from pricelm.services.watching_rivals import RadarResult

_MOST_LINES = 20
_WAR_STYLES = {"price war": "bold red", "tension": "yellow", "quiet": "dim"}
_INTERESTING = ("price war", "tension")


def match_view(result: MatchResult) -> RenderableType:
    """Draw the surest matches and how they were judged."""
    table = _columns(("own",), ("theirs",), numbers=("confidence",))
    for row in result.matches.head(_MOST_LINES).itertuples():
        table.add_row(Text(str(row.own_title)), Text(str(row.their_title)), f"{row.confidence:.0%}")
    parts: list[RenderableType] = [Text(), table]
    if len(result.matches) > _MOST_LINES:
        parts.append(Text(f"and {len(result.matches) - _MOST_LINES:,} more", style="dim"))
    matched = result.matches["own_sku"].nunique()
    parts.append(
        Text(
            f"\n{matched:,} of {result.products:,} products matched, from {result.candidates:,} candidates; "
            f"a match is {result.threshold:.0%} sure or more."
        )
    )
    if result.learned:
        known = result.learned
        parts.append(
            Text(
                f"On labelled pairs not learned from: F1 {known['f1']:.3f}, "
                f"precision {known['precision']:.3f}, recall {known['recall']:.3f}; "
                f"{known['labels_found']:.1%} of their matches were candidates."
            )
        )
    else:
        parts.append(
            Text("Judged by a rule of thumb: labelled pairs (--labels) make it much better.", style="yellow")
        )
    return Group(*parts, *_ending(result.rejected_counts), places_view({"matches": result.out}))


def index_view(result: IndexResult) -> RenderableType:
    """Draw the index by category and seller, and why products have none."""
    table = _columns(("category",), numbers=("index", "compared", "products"))
    for name, found in result.index.categories.items():
        index = "-" if found["index"] is None else f"{found['index']:.1f}"
        table.add_row(Text(name or "(none)"), index, f"{found['compared']:,}", f"{found['products']:,}")
    compared = len(result.index.products) - sum(result.gaps.values())
    table.add_row(
        Text("all", style="bold"), Text(f"{result.index.total:.1f}", style="bold"), f"{compared:,}",
        f"{len(result.index.products):,}",
    )  # fmt: skip
    sellers = "; ".join(
        f"{name} {index:.1f}" for name, index in list(result.index.sellers.items())[:_MOST_LINES]
    )
    parts: list[RenderableType] = [Text(), table, Text(f"\n100: equal prices. Against {sellers}.")]
    parts += [Text(f"{name}: {count:,} products", style="yellow") for name, count in result.gaps.items()]
    places = places_view({"table": result.out, "details": result.document})
    return Group(*parts, *_ending(result.rejected_counts), places)


def respond_view(result: RespondResult, seller: str) -> RenderableType:
    """Draw the own new prices and what everybody earns."""
    own = result.products[result.products["seller"] == seller]
    table = _columns(("product",), numbers=("price", "new price", "change", "units", "new units"))
    for row in own.head(_MOST_LINES).to_dict("records"):
        prices = (
            f"{row['price']:,.2f}",
            f"{row['new_price']:,.2f}",
            f"{row['new_price'] / row['price'] - 1:+.1%}",
        )
        table.add_row(Text(str(row["sku"])), *prices, f"{row['units']:,.0f}", f"{row['new_units']:,.0f}")
    if len(own) > _MOST_LINES:
        table.add_row(Text(f"and {len(own) - _MOST_LINES:,} more", style="dim"))
    earnings = _columns(("seller",), numbers=("profit now", "profit then"))
    for name, (now, new) in result.profits.items():
        earnings.add_row(Text(name, style="bold" if name == seller else ""), f"{now:,.0f}", f"{new:,.0f}")
    others = ", ".join(f"{change:+.1%} at {share:.0%}" for share, change in result.by_outside_share.items())
    lines = [
        Text(
            f"\nRivals {result.rivals}. If they held their prices, {seller} would earn "
            f"{result.if_rivals_hold:,.0f}."
        ),
        Text(f"Mean change of own prices by the share that buys nothing: {others}."),
    ]
    implied = int((result.products["cost_source"] != "given").sum())
    if implied:
        lines.append(
            Text(f"{implied:,} unit costs were not known and are implied by present prices.", style="yellow")
        )
    places = places_view({"table": result.out, "details": result.document})
    return Group(Text(), table, Text(), earnings, *lines, Text(), places)


def radar_view(result: RadarResult) -> RenderableType:
    """Draw wars and tension, then warnings of collusion."""
    table = _columns(("product",), ("status",), numbers=("undercuts", "price", "resting price", "days"))
    table.add_column("advice")
    shown = [one for one in result.sightings if one.war.status in _INTERESTING][:_MOST_LINES]
    for one in shown:
        row = one.row()
        numbers = [_number(row[name], "{:,.2f}") for name in ("last_price", "resting_price")]
        days = _number(row["days_until_rest"], "{:,.0f}")
        status = Text(one.war.status, style=_WAR_STYLES[one.war.status])
        table.add_row(Text(one.war.sku), status, f"{one.war.undercuts}", *numbers, days, Text(one.advice))
    counts = {name: sum(one.war.status == name for one in result.sightings) for name in _WAR_STYLES}
    summary = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    parts: list[RenderableType] = [Text()]
    if shown:
        parts += [table, Text()]
    parts.append(Text(f"{len(result.sightings):,} products of {result.sellers:,} sellers: {summary}."))
    parts += [
        Text(
            f"{one.war.sku}: prices {one.collusion.elevation:.0%} of the way to what one seller alone "
            "would charge, and price cuts are punished. Have the pricing policy looked at.",
            style="bold red",
        )
        for one in result.sightings
        if one.collusion is not None and one.collusion.warned
    ]
    return Group(*parts, *_ending(result.rejected_counts), places_view({"table": result.out}))


def _columns(*texts: tuple[str], numbers: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for (name,) in texts:
        table.add_column(name, overflow="ellipsis", max_width=40)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _ending(rejected: dict[str, int]) -> list[RenderableType]:
    return [*([counts_line(rejected)] if rejected else []), Text()]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
