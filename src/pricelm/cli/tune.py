"""pricelm tune: search for settings of the language model that suit LISTINGS better than the preset's."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pricelm.cli.options import (
    BackboneOption,
    ColumnOption,
    CurrencyOption,
    DateColumnOption,
    JsonOption,
    KeepLeaksOption,
    ListingIdOption,
    ListingsArgument,
    PriceColumnOption,
    QueryOption,
    SeedOption,
    TextColumnsOption,
    column_roles,
)

if TYPE_CHECKING:
    from rich.table import Table

    from pricelm.services.searching import Searched, SearchResult


def tune(
    listings: ListingsArgument,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the search.", show_default=False),
    ],
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time of this session: 45s, 30m, 2h.", show_default=False),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=2, help="Most trials, those of earlier sessions included.", show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that run trials at the same time.")] = 1,
    methods: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="Methods to try besides the preset's.", show_default=False),
    ] = None,
    backbone: BackboneOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Settings to start from instead of the preset's.", show_default=False
        ),
    ] = None,
    price: PriceColumnOption = None,
    text: TextColumnsOption = None,
    listing_id: ListingIdOption = None,
    date: DateColumnOption = None,
    column: ColumnOption = None,
    currency: CurrencyOption = None,
    query: QueryOption = None,
    keep_leaks: KeepLeaksOption = False,
    seed: SeedOption = 0,
    json_output: JsonOption = False,
) -> None:
    """Search for settings of the language model that suit LISTINGS, and say whether they beat the preset.

    Ctrl-C stops it in good order; the same command goes on from there.
    """
    from pricelm.cli.console import TerminalProgress, print_json
    from pricelm.core.errors import ConfigError
    from pricelm.services.searching import (
        Budget,
        SearchOptions,
        SearchRequest,
        parse_duration,
        search_settings,
    )
    from pricelm.services.training import TrainingOptions, read_tuning

    if budget is None and trials is None:
        raise ConfigError("expected --budget TIME, --trials NUMBER, or both: a search has no end of its own")
    clock = Budget(None if budget is None else parse_duration(budget))
    names = tuple(name.strip() for name in (methods or "").split(",") if name.strip())
    columns = {"price": price, "listing_id": listing_id, "listed_at": date}
    roles = column_roles(columns, text or [], column or [])
    request = SearchRequest(
        listings,
        out,
        query=query,
        roles=roles,
        training=TrainingOptions(
            backbone=backbone,
            tuning=read_tuning(config) if config else None,
            currency=currency,
            keep_leaks=keep_leaks,
            seed=seed,
        ),
        search=SearchOptions(trials, workers, names, seed),
    )
    with TerminalProgress() as progress:
        found = search_settings(request, budget=clock, progress=progress)
    if json_output:
        print_json(found.to_dict())
        return
    _show(found, listings)


def _show(found: Searched, listings: str) -> None:
    from rich.text import Text

    from pricelm.cli.console import stdout_console
    from pricelm.cli.tables import places_view

    console, result = stdout_console(), found.result
    console.print()
    if result.best is not None:
        console.print(_best_table(result))
    verdict = (
        "The preset's own trial is not complete yet, so there is no verdict; run the same command again."
    )
    style = ""
    if result.verdict is not None:
        verdict = result.verdict.sentence()
        style = "bold green" if result.verdict.beats_the_preset else "bold yellow"
    console.print(Text(verdict, style=style))
    counts = ", ".join(f"{count} {state}" for state, count in result.counts().items())
    console.print(Text(f"Trials: {counts}", style="dim"))
    console.print()
    # what did not beat the preset on listings that no trial has seen is not what to train with
    kept = result.verdict is None or result.verdict.beats_the_preset
    settings = f" --config {shlex.quote(str(found.files['best settings']))}" if kept else ""
    following = f"pricelm train {shlex.quote(listings)}{settings} --out MODEL"
    console.print(places_view({**found.files, "rejected": found.rejected}, (following,)))


def _best_table(result: SearchResult) -> Table:
    """Draw the best five trials with the settings in which they differ from the preset."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("trial", "validation\nRMSLE", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("differs from the preset in")
    for record in result.best_trials():
        told = "; ".join(f"{name} {value}" for name, value in result.differences(record).items())
        what = told or "nothing: it is the preset"
        table.add_row(str(record.number), f"{record.value:.4f}", f"{record.seconds:.0f} s", Text(what))
    return table
