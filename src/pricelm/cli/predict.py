"""pricelm predict: prices for a file of listings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pricelm.cli.options import (
    EngineName,
    EngineOption,
    ImagesOption,
    JsonOption,
    ListingsArgument,
    ModelArgument,
    QueryOption,
)


def predict(
    model: ModelArgument,
    listings: ListingsArgument,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="File to write: .csv, .jsonl (each also with .gz) or .parquet.",
            show_default=False,
        ),
    ],
    keep_columns: Annotated[
        bool, typer.Option("--keep-columns", help="Carry the listings' own columns along.")
    ] = False,
    chunk_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Listings in memory at once.",
            show_default="10,000, or 1,000 with a language model or pictures",
        ),
    ] = None,
    engine: EngineOption = EngineName.local,
    images: ImagesOption = None,
    query: QueryOption = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Put listings that a person should look at into the review queue of this store.",
            show_default=False,
        ),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Price a file of listings, chunk by chunk; the output appears when it is complete.

    Ctrl-C, or anything else that ends it, loses at most a chunk; the same command goes on from there.
    """
    from rich.text import Text

    from pricelm.cli.actors import actor_name
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.tables import counts_line, places_view
    from pricelm.services.predicting import PredictionRequest, predict_prices
    from pricelm.services.reviewing_files import PricedFile, remember_priced_file
    from pricelm.services.service_settings import read_settings

    with TerminalProgress() as progress:
        request = PredictionRequest(
            model,
            listings,
            out,
            query=query,
            keep_columns=keep_columns,
            chunk_rows=chunk_rows,
            image_root=images,
            engine=engine.value,
        )
        result = predict_prices(request, progress)
        kept = None
        if store is not None:
            progress.start("looking for what a person should see", 0)
            most = read_settings(store=store).review_per_day
            priced = PricedFile(model, listings, result.out, query)
            kept = remember_priced_file(store, priced, actor_name(), most_a_day=most)
    if json_output:
        print_json(result.to_dict() | ({} if kept is None else {"review": vars(kept)}))
        return
    console = stdout_console()
    abstained = f", {result.abstained:,} of them to be looked at" if result.abstained else ""
    console.print(Text(f"{result.rows:,} listings priced{abstained}."))
    if result.rejected_counts:
        console.print(counts_line(result.rejected_counts))
    if kept is not None:
        over = f"; {kept.over:,} more than a day has room for were left out" if kept.over else ""
        console.print(f"{kept.queued:,} listings are new in the review queue{over}.")
    console.print(places_view({"prices": result.out, "rejected": result.rejected}))
