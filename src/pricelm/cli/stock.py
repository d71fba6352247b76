"""pricelm stock: what to order, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pricelm.cli.options import JsonOption, QueryOption, ReportOption, SalesColumnOption

_MOST_LINES = 20


def stock(
    products: Annotated[
        str,
        typer.Argument(
            metavar="PRODUCTS",
            help="Table (sku, units, unit_cost, lead_time_days, on_hand, ...) or database address.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Table to write: .csv, .jsonl or .parquet; the same goes beside it as .json.",
            show_default=False,
        ),
    ],
    demand: Annotated[
        Path | None,
        typer.Option(
            metavar="DEMAND.json",
            help="Demand model of `pricelm demand`: units at the price of each product.",
            show_default="columns of PRODUCTS",
        ),
    ] = None,
    forecast: Annotated[
        Path | None,
        typer.Option(
            metavar="FORECAST.json",
            help="Forecast of `pricelm forecast`: units and deviation at its prices, over all stores.",
            show_default=False,
        ),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="PLAN.csv",
            help="Table of `pricelm optimize`: its proposed prices are the chosen ones.",
            show_default="prices of PRODUCTS",
        ),
    ] = None,
    column: SalesColumnOption = None,
    period_days: Annotated[float, typer.Option(help="Days that units and holding costs speak of.")] = 7.0,
    review_days: Annotated[float, typer.Option(help="Days between two looks at the stock.")] = 7.0,
    holding_rate: Annotated[
        float, typer.Option(help="Cost of holding for a year, as a share of the unit cost.")
    ] = 0.25,
    noise: Annotated[
        float, typer.Option(help="Deviation as a share of the units, where no deviation is given.")
    ] = 0.3,
    query: QueryOption = None,
    report: ReportOption = None,
    json_output: JsonOption = False,
) -> None:
    """Say for every product when to order how much, and how long the stock lasts."""
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.options import name_value_pairs
    from pricelm.cli.tables import places_view
    from pricelm.services.stocking import StockRequest, plan_orders

    with TerminalProgress() as progress:
        request = StockRequest(
            products,
            out,
            query,
            name_value_pairs(column or []),
            demand,
            report,
            period_days,
            review_days,
            holding_rate,
            noise,
            prices,
            forecast,
        )
        result = plan_orders(request, progress)
    if json_output:
        print_json(result.to_dict())
        return
    planned = [plan for plan in result.plans if not plan.refusal]
    planned.sort(key=lambda plan: (not plan.order_now, -(plan.shortage_risk or 0.0)))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("product", overflow="ellipsis", max_width=24)
    for name in ("order now", "reorder point", "order up to", "safety stock", "cover, days", "risk"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("policy", no_wrap=True)
    for plan in planned[:_MOST_LINES]:
        numbers = (plan.reorder_point, plan.order_up_to, plan.safety_stock, plan.cover_days)
        table.add_row(
            Text(plan.sku),
            Text(
                f"{plan.order_units:,.0f}" if plan.order_now else "-", style="bold" if plan.order_now else ""
            ),
            *(f"{value:,.0f}" for value in numbers if value is not None),
            f"{plan.shortage_risk:.1%}",
            plan.policy,
        )
    if len(planned) > _MOST_LINES:
        table.add_row(Text(f"and {len(planned) - _MOST_LINES:,} more", style="dim"))
    console = stdout_console()
    console.print()
    console.print(table)
    ordered = sum(plan.order_now for plan in planned)
    console.print(f"\n{len(result.plans):,} products: {ordered:,} to order now.")
    for name, count in result.refusals.items():
        console.print(Text(f"{name}: {count:,} refused", style="yellow"))
    console.print()
    console.print(places_view({"table": result.out, "details": result.document, "report": result.report}))
