"""pricelm backbones: which pretrained models there are, and which one fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pricelm.cli.options import JsonOption, QueryOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from pricelm.services.backbones import Offer


def backbones(
    listings: Annotated[
        str | None,
        typer.Argument(
            metavar="[LISTINGS]",
            help="File or database address (with --query) of listings to recommend a backbone for.",
            show_default=False,
        ),
    ] = None,
    query: QueryOption = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure the speeds again instead of taking the known ones.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """List pretrained models: what they read, what they cost here, and which one fits LISTINGS."""
    from rich.text import Text

    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.services.backbones import list_backbones, recommend_for, to_document

    recommendation = None
    with TerminalProgress() as progress:
        offers = list_backbones(measure=measure, progress=progress)
        if listings is not None:
            recommendation = recommend_for(listings, offers, query=query, progress=progress)
    if json_output:
        print_json(to_document(offers, recommendation))
        return
    console = stdout_console()
    console.print()
    console.print(_table(offers))
    if recommendation is not None:
        console.print(
            Text.assemble("Take ", (recommendation.alias, "bold green"), f": {recommendation.reason}.")
        )
        console.print(Text(f"pricelm train {listings} --backbone {recommendation.alias}", style="cyan"))


def _table(offers: Sequence[Offer]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("name", no_wrap=True)
    table.add_column("what")
    for name in ("on disk", "reads\ntokens/s", "tunes\ntokens/s"):
        table.add_column(name, justify="right", no_wrap=True)
    for offer in offers:
        what = f"{offer.languages} {offer.kind}, {offer.parameters / 1e6:.1f} M parameters, {offer.license}"
        told = Text(what)
        if not offer.installed:
            told.append(f"\nnot installed: {offer.install}", style="dim")
        elif offer.problem:
            told.append(f"\n{offer.problem}", style="yellow")
        disk = f"{offer.disk_bytes / 1e6:,.0f} MB" if offer.installed else ""
        speeds = ("", "")
        if offer.speed is not None:
            speed = offer.speed
            speeds = (f"{speed.reading_tokens_per_second:,.0f}", f"{speed.tuning_tokens_per_second:,.0f}")
        style = "bold" if offer.installed else ""
        table.add_row(Text(offer.alias, style=style), told, disk, *speeds)
    return table
