"""pricelm demand: what a price does to the units sold."""

from __future__ import annotations

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


def demand(
    sales: SalesArgument,
    out: TableOption,
    products: Annotated[
        str | None,
        typer.Option(
            metavar="LISTINGS",
            help="Listings of the products: their categories, and products that have not sold yet.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL", help="Trained model that prices the products without sales.", show_default=False
        ),
    ] = None,
    column: SalesColumnOption = None,
    confidence_level: LevelOption = 0.9,
    min_observations: Annotated[
        int, typer.Option(min=5, help="Fewest weeks for an estimate of a product's own.")
    ] = 20,
    support_margin: Annotated[
        float, typer.Option(help="Share by which known prices go beyond those that were seen.")
    ] = 0.05,
    query: QueryOption = None,
    seed: SeedOption = 0,
    report: ReportOption = None,
    json_output: JsonOption = False,
) -> None:
    """Learn from sales how the units react to the price, and say how sure that is."""
    from rich.text import Text

    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.demand_view import column_pairs, demand_table, refusal_lines, rung_line
    from pricelm.cli.tables import counts_line, places_view
    from pricelm.decisions.demand import DemandConfig
    from pricelm.services.demand import DemandRequest, estimate_demand

    config = DemandConfig(confidence_level, min_observations, support_margin=support_margin, seed=seed)
    with TerminalProgress() as progress:
        request = DemandRequest(
            sales,
            out,
            query=query,
            columns=column_pairs(column or []),
            products=products,
            model=model,
            report=report,
            config=config,
        )
        result = estimate_demand(request, progress)
    if json_output:
        print_json(result.to_dict())
        return
    console = stdout_console()
    console.print()
    console.print(demand_table(result.demand))
    console.print(rung_line(result.rungs))
    for line in refusal_lines(result.demand):
        console.print(line)
    for warning in result.warnings:
        console.print(Text(warning, style="yellow"))
    if result.rejected_counts:
        console.print(counts_line(result.rejected_counts))
    console.print()
    places = {"table": result.out, "details": result.document, "report": result.report}
    console.print(places_view({**places, "rejected": result.rejected}))
