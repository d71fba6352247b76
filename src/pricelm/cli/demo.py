"""pricelm demo: the main job on an embedded shop."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pricelm.cli.options import JsonOption, PresetName, PresetOption, SeedOption

_FOLDER = Path("demo-output")


class ShopName(StrEnum):
    """The embedded shops."""

    grocery = "grocery"
    electronics = "electronics"


def demo(
    shop: Annotated[ShopName, typer.Option(help="Which embedded shop.")] = ShopName.grocery,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder for everything that is written.",
            show_default="demo-output, demo-output/electronics",
        ),
    ] = None,
    preset: PresetOption = PresetName.balanced,
    seed: SeedOption = 0,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train even if the model is there.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Train on an embedded shop, price new products, and decide on prices, promotions and stock.

    The second time all of it is there and the answers come at once.
    """
    from rich.text import Text

    from pricelm.cli.console import TerminalProgress, clock_text, print_json, stdout_console
    from pricelm.cli.story_view import story_view
    from pricelm.cli.tables import evaluation_view, places_view, quote_view
    from pricelm.services.demo import DemoRequest, run_demo

    folder = out or (_FOLDER if shop is ShopName.grocery else _FOLDER / shop.value)
    with TerminalProgress() as progress:
        request = DemoRequest(shop.value, folder, preset=preset.value, seed=seed, retrain=retrain)
        result = run_demo(request, progress)
    if json_output:
        print_json(result.to_dict())
        return
    console = stdout_console()
    console.print()
    console.print(evaluation_view(result.metrics, result.metrics["table"], console.width))
    console.print()
    console.print(Text("Three new products", style="bold"))
    for one in result.quoted:
        console.print()
        console.print(quote_view(one.title, one.quote))
    console.print()
    console.print(story_view(result.chapters))
    model = shlex.quote(str(result.bundle))
    title = shlex.quote(result.quoted[0].title)
    commands = (
        f"pricelm quote {model} --title {title}",
        "pricelm train YOUR-LISTINGS.csv --out my-model",
        "pricelm demand YOUR-SALES.csv --out demand.csv",
    )
    places = {"report": result.report, "model": result.bundle, "rejected": result.rejected}
    console.print(places_view(places, commands))
    console.print(
        Text(f"{'Trained' if result.trained else 'Answered'} in {clock_text(result.seconds)}.", style="dim")
    )
