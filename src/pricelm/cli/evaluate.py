"""pricelm evaluate: how good a model is on listings whose prices are known."""

from __future__ import annotations

from typing import Annotated

import typer

from pricelm.cli.options import (
    ImagesOption,
    JsonOption,
    ListingsArgument,
    ModelArgument,
    QueryOption,
    ReportOption,
    SeedOption,
)


def evaluate(
    model: ModelArgument,
    listings: ListingsArgument,
    price: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of the prices, if it has another name than in training."),
    ] = None,
    images: ImagesOption = None,
    query: QueryOption = None,
    seed: SeedOption = 0,
    report: ReportOption = None,
    json_output: JsonOption = False,
) -> None:
    """Measure a model on listings with known prices that it has not learned from."""
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.tables import counts_line, evaluation_view, places_view
    from pricelm.services.evaluating import EvaluationRequest, evaluate_model

    with TerminalProgress() as progress:
        request = EvaluationRequest(
            model, listings, query=query, price=price, report=report, seed=seed, image_root=images
        )
        result = evaluate_model(request, progress)
    if json_output:
        print_json(result.to_dict())
        return
    console = stdout_console()
    console.print()
    console.print(evaluation_view(result.evaluation.to_dict(), result.evaluation.table(), console.width))
    if result.checked.counts:
        console.print(counts_line(result.checked.counts))
    if result.report is not None:
        console.print()
        console.print(places_view({"report": result.report, "rejected": result.rejected}))
