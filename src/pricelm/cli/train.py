"""pricelm train: from a file of listings to a model, what it is worth, and a report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from pricelm.cli.options import (
    BackboneOption,
    ColumnOption,
    CurrencyOption,
    DateColumnOption,
    EngineName,
    EngineOption,
    ImagesOption,
    JsonOption,
    KeepLeaksOption,
    ListingIdOption,
    ListingsArgument,
    PresetName,
    PresetOption,
    PriceColumnOption,
    QueryOption,
    ReportOption,
    SeedOption,
    TextColumnsOption,
    TrackerName,
    column_roles,
)


def train(
    listings: ListingsArgument,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="MODEL", help="Folder of the model.", show_default=False)
    ],
    preset: PresetOption = PresetName.balanced,
    backbone: BackboneOption = None,
    price: PriceColumnOption = None,
    text: TextColumnsOption = None,
    listing_id: ListingIdOption = None,
    date: DateColumnOption = None,
    column: ColumnOption = None,
    currency: CurrencyOption = None,
    query: QueryOption = None,
    keep_leaks: KeepLeaksOption = False,
    confidence_level: Annotated[float, typer.Option(help="Share of prices that an interval holds.")] = 0.9,
    abstain_ratio: Annotated[
        float | None,
        typer.Option(
            help="Mark listings whose interval's upper end is more than so many times the lower for review."
        ),
    ] = None,
    images: ImagesOption = None,
    test_share: Annotated[
        float, typer.Option(help="Share of listings kept aside to measure on; 0 learns from all.")
    ] = 0.1,
    seed: SeedOption = 0,
    method: Annotated[
        str | None,
        typer.Option(
            help="What is tuned: full, last-N, frozen, bitfit, lora, dora, adalora, prefix, prompt, ia3 or "
            "adapter.",
            show_default="full",
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="What is predicted: regression, quantile, bands, ordinal, both.", show_default="regression"
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Tuning settings that replace the preset's.", show_default=False
        ),
    ] = None,
    engine: EngineOption = EngineName.local,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that tune together, each on its share.", show_default="1"),
    ] = None,
    bands: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.yaml", help="The shop's own price bands: names and ends.", show_default=False
        ),
    ] = None,
    tracker: Annotated[
        list[TrackerName] | None,
        typer.Option(
            help="Draw the tuning in MODEL-run as it goes; repeatable. Nothing is uploaded.",
            show_default=False,
        ),
    ] = None,
    report: ReportOption = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Learn from the prices in the review queue of this store too.",
            show_default=False,
        ),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Train a model on listings with prices, measure it on some kept aside, and write a report.

    Ctrl-C stops it in good order; the same command goes on from there.
    """
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.tables import counts_line, evaluation_view, places_view
    from pricelm.models.shop_bands import read_shop_bands
    from pricelm.services.training import (
        TrainingOptions,
        TrainingRequest,
        read_tuning,
        train_model,
    )

    elsewhere = None if engine is EngineName.local else engine.value
    given = {"method": method, "head": head, "engine": elsewhere, "processes": processes}
    named = {name: value for name, value in given.items() if value is not None}
    options = TrainingOptions(
        preset=preset.value,
        backbone=backbone,
        tuning=(read_tuning(config) if config else {}) | named or None,
        confidence_level=confidence_level,
        abstain_ratio=abstain_ratio,
        currency=currency,
        keep_leaks=keep_leaks,
        bands=read_shop_bands(bands) if bands else None,
        test_share=test_share,
        image_root=images,
        seed=seed,
        trackers=tuple(name.value for name in tracker or []),
    )
    columns = {"price": price, "listing_id": listing_id, "listed_at": date}
    roles = column_roles(columns, text or [], column or [])
    with TerminalProgress() as progress:
        request = TrainingRequest(
            listings, out, query=query, roles=roles, options=options, report=report, store=store
        )
        result = train_model(request, progress)
    if json_output:
        print_json(result.to_dict())
        return
    console = stdout_console()
    if result.evaluation is not None:
        console.print()
        console.print(evaluation_view(result.evaluation.to_dict(), result.evaluation.table(), console.width))
    if result.data.rejected:
        console.print(counts_line(result.data.rejected))
    console.print()
    places = {"model": result.bundle, "report": result.report, "rejected": result.rejected}
    model = shlex.quote(str(out))
    commands = (f'pricelm quote {model} --title "..."', f"pricelm predict {model} NEW.csv --out prices.csv")
    console.print(places_view(places, commands))
