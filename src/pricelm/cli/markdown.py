"""pricelm markdown: the price of each week until the stock has to be gone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pricelm.cli.options import (
    DemandOption,
    JsonOption,
    ProductColumnOption,
    QueryOption,
    ReportOption,
    name_value_pairs,
)
from pricelm.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from pricelm.services.marking_down import MarkdownResult

_MOST_LINES = 20


def markdown(
    products: Annotated[
        str,
        typer.Argument(
            metavar="PRODUCTS",
            help="Table (sku, price, on_hand, exit_date, ...) or database address.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Table to write: .csv, .jsonl or .parquet; everything goes beside it as .json.",
            show_default=False,
        ),
    ],
    demand: DemandOption = None,
    exit_date: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="For products without an exit_date.", show_default="their own"
        ),
    ] = None,
    sell_through: Annotated[
        float, typer.Option(help="Share of the stock that has to be sold, on average, by the exit date.")
    ] = 0.0,
    steps: Annotated[
        str, typer.Option(help="Shares off today's price that may be taken.")
    ] = "0.1,0.2,0.3,0.4,0.5",
    explore: Annotated[
        float, typer.Option(help="How far below the prices that demand is known for; marked 'test first'.")
    ] = 0.0,
    column: ProductColumnOption = None,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day of the first week.", show_default="today"),
    ] = None,
    query: QueryOption = None,
    report: ReportOption = None,
    json_output: JsonOption = False,
) -> None:
    """Plan prices that only fall, week by week, until the stock has to be gone."""
    from pricelm.cli.console import TerminalProgress, print_json
    from pricelm.services.marking_down import MarkdownRequest, plan_markdowns

    request = MarkdownRequest(
        products,
        out,
        exit_date.date() if exit_date else None,
        demand,
        query,
        name_value_pairs(column or []),
        report,
        today.date() if today else None,
        sell_through,
        explore,
        _shares(steps),
    )
    with TerminalProgress() as progress:
        result = plan_markdowns(request, progress)
    if json_output:
        print_json(result.to_dict())
    else:
        _show(result)


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"expected --steps as shares with commas, such as 0.1,0.25, got {text!r}"
        ) from error


def _show(result: MarkdownResult) -> None:
    from rich.text import Text

    from pricelm.cli.console import stdout_console
    from pricelm.cli.tables import counts_line, places_view

    console = stdout_console()
    console.print()
    console.print(_table(result))
    planned = sum(one.plan is not None for one in result.schedules)
    staying = f"; {result.staying:,} have no exit date" if result.staying else ""
    console.print(f"\n{planned:,} markdowns planned{staying}.")
    for one in [one for one in result.schedules if one.refusal][:_MOST_LINES]:
        console.print(Text(f"{one.sku}: {one.refusal}", style="yellow"))
    if result.rejected_counts:
        console.print(counts_line(result.rejected_counts))
    console.print()
    places = {"table": result.out, "details": result.document, "report": result.report}
    console.print(places_view({**places, "rejected": result.rejected}))


def _table(result: MarkdownResult) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("product", overflow="ellipsis", max_width=24)
    table.add_column("prices, week by week")
    for name in ("stock", "left over", "earns", "held, it earns"):
        table.add_column(name, justify="right", no_wrap=True)
    planned = [one for one in result.schedules if one.plan is not None]
    for one in planned[:_MOST_LINES]:
        assert one.plan is not None
        numbers = (f"{one.plan.stock:,}", f"{one.expected_left:,.1f}")
        money = (f"{one.plan.revenue:,.2f}", f"{one.plan.held_revenue:,.2f}")
        table.add_row(Text(one.sku), Text(one.price_path), *numbers, *money)
    if len(planned) > _MOST_LINES:
        table.add_row(Text(f"and {len(planned) - _MOST_LINES:,} more", style="dim"))
    return table
