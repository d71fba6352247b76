"""pricelm forecast: units of the coming weeks or days at a stated price."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pricelm.cli.options import (
    JsonOption,
    LevelOption,
    QueryOption,
    ReportOption,
    SalesArgument,
    SalesColumnOption,
    SeedOption,
    TableOption,
)


class FrequencyName(StrEnum):
    """What a period is."""

    weekly = "weekly"
    daily = "daily"


class MissingName(StrEnum):
    """What a period without a row means."""

    auto = "auto"
    zero = "zero"
    unknown = "unknown"


def forecast(
    sales: SalesArgument,
    out: TableOption,
    products: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SKU,SKU", help="Products to forecast; may be repeated.", show_default="all products"
        ),
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, help="Weeks or days ahead.")] = 8,
    frequency: Annotated[FrequencyName, typer.Option(help="Weeks or days.")] = FrequencyName.weekly,
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Coming prices (sku, price, and optionally store and date).",
            show_default="the regular price",
        ),
    ] = None,
    demand: Annotated[
        Path | None,
        typer.Option(
            metavar="DEMAND.json",
            help="Demand model of `pricelm demand`: what a price does.",
            show_default="learned from SALES",
        ),
    ] = None,
    missing: Annotated[
        MissingName, typer.Option(help="What a week or day without a row means.")
    ] = MissingName.auto,
    column: SalesColumnOption = None,
    confidence_level: LevelOption = 0.9,
    query: QueryOption = None,
    seed: SeedOption = 0,
    report: ReportOption = None,
    json_output: JsonOption = False,
) -> None:
    """Forecast the units of every product and store at a stated price, and say how sure that is."""
    from rich.text import Text

    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.demand_view import column_pairs
    from pricelm.cli.forecast_view import forecast_table, member_lines
    from pricelm.cli.tables import counts_line, places_view
    from pricelm.decisions.forecasting import ForecastConfig
    from pricelm.services.forecasting import ForecastRequest, forecast_sales

    config = ForecastConfig(
        horizon, frequency.value, missing.value, confidence_level=confidence_level, seed=seed
    )
    wanted = [name.strip() for entry in products or [] for name in entry.split(",") if name.strip()]
    with TerminalProgress() as progress:
        request = ForecastRequest(
            sales,
            out,
            query=query,
            columns=column_pairs(column or []),
            products=wanted,
            prices=prices,
            demand=demand,
            report=report,
            config=config,
        )
        result = forecast_sales(request, progress)
    if json_output:
        print_json(result.to_dict())
        return
    console = stdout_console()
    console.print()
    console.print(forecast_table(result.forecast))
    for line in member_lines(result.forecast):
        console.print(line)
    for name, count in result.refusals.items():
        console.print(Text(f"{name}: {count:,} refused", style="yellow"))
    for warning in result.warnings:
        console.print(Text(warning, style="yellow"))
    if result.rejected_counts:
        console.print(counts_line(result.rejected_counts))
    console.print()
    places = {"table": result.out, "details": result.document, "report": result.report}
    console.print(places_view({**places, "rejected": result.rejected}))
