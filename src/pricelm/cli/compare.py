"""pricelm compare: methods of tuning side by side, at equal data and at equal time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pricelm.cli.options import (
    ColumnOption,
    CurrencyOption,
    DateColumnOption,
    JsonOption,
    KeepLeaksOption,
    ListingsArgument,
    PriceColumnOption,
    QueryOption,
    SeedOption,
    TextColumnsOption,
    column_roles,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from pricelm.learning.comparison_result import ComparisonRow

_METHODS = "full,last-2,frozen,lora,adalora,prefix,adapter,ia3"
_TITLES = {
    "data": ("Equal data", "each method with its usual epochs"),
    "time": ("Equal time", "as many epochs as fit"),
}
_STYLES = {"better": "green", "worse": "red", "failed": "red", "first": "dim"}
_WIDE_ENOUGH = 110


def compare(
    listings: ListingsArgument,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the results.", show_default=False),
    ],
    methods: Annotated[
        str,
        typer.Option(
            metavar="METHOD,METHOD", help="Methods; the first is what the others are compared with."
        ),
    ] = _METHODS,
    backbones: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Pretrained models: aliases, folders or hub ids.")
    ] = "minilm",
    equal: Annotated[
        str, typer.Option(metavar="data,time", help="What the methods have in common.")
    ] = "data,time",
    seconds: Annotated[
        float | None,
        typer.Option(
            help="Time of tuning for each at equal time.", show_default="what full or the first took"
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Most epochs at equal data, ten times as many for frozen.", show_default=False
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(help="Take so many listings, drawn at random.", show_default="all")
    ] = None,
    max_length: Annotated[int, typer.Option(min=4, help="Tokens of a text that are read.")] = 64,
    head: Annotated[
        str, typer.Option(help="What is predicted: regression, quantile, bands, ordinal, both.")
    ] = "regression",
    price: PriceColumnOption = None,
    text: TextColumnsOption = None,
    date: DateColumnOption = None,
    column: ColumnOption = None,
    currency: CurrencyOption = None,
    query: QueryOption = None,
    keep_leaks: KeepLeaksOption = False,
    test_share: Annotated[float, typer.Option(help="Share of listings kept aside to measure on.")] = 0.2,
    seed: SeedOption = 0,
    json_output: JsonOption = False,
) -> None:
    """Compare methods of tuning: error, tuned weights, time, memory and size of the saved model.

    Each method runs in a process of its own. Ctrl-C stops in good order; the same command goes on from there.
    """
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.tables import places_view
    from pricelm.services.comparing import ComparisonRequest, compare_methods

    request = ComparisonRequest(
        listings,
        out,
        methods=_names(methods),
        backbones=_names(backbones),
        equal=_names(equal),
        seconds=seconds,
        epochs=epochs,
        query=query,
        roles=column_roles({"price": price, "listed_at": date}, text or [], column or []),
        currency=currency,
        keep_leaks=keep_leaks,
        rows=rows,
        max_length=max_length,
        head=head,
        test_share=test_share,
        seed=seed,
    )
    with TerminalProgress() as progress:
        result = compare_methods(request, progress)
    if json_output:
        print_json(result.to_dict())
        return
    console = stdout_console()
    console.print()
    console.print(
        f"{result.n_train:,} training listings, {result.n_test:,} to measure on; guessing the median price "
        f"has an RMSLE of {result.guess:.3f}"
    )
    for name in dict.fromkeys(row.equal for row in result.rows):
        console.print(comparison_view([row for row in result.rows if row.equal == name], console.width))
    console.print(places_view({"page": result.page, "numbers": result.document, "runs": out / "trials"}))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def comparison_view(rows: Sequence[ComparisonRow], width: int) -> RenderableType:
    """Draw one panel of a comparison; in a narrow terminal the least telling columns are left out."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    title, about = _TITLES[rows[0].equal]
    wide = width >= _WIDE_ENOUGH
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("method", no_wrap=True)
    heads = ["epochs", "RMSLE", "than\nfirst", "tuned\nweights", "s", "peak\nMB", "saved\nMB"]
    for head in heads + (["tuned\nMB", "of all\nweights", "s per\n1,000"] if wide else []):
        table.add_column(head, justify="right", no_wrap=True)
    several = len({row.backbone for row in rows}) > 1
    backbone = None
    for row in rows:
        if several and row.backbone != backbone:
            backbone = row.backbone
            table.add_row(Text(Path(backbone).name, style="bold"))
        table.add_row(Text(("  " if several else "") + row.method), *_cells(row, wide))
    failed = [
        Text.assemble((f"{Path(row.backbone).name}, {row.method}: ", "yellow"), row.error)
        for row in rows
        if row.error
    ]
    return Group(Text.assemble((title, "bold"), (f"  {about}", "dim")), table, *failed)


def _cells(row: ComparisonRow, wide: bool) -> list[Text]:
    from rich.text import Text

    if row.rmsle is None:
        return [Text(str(row.epochs)), Text("–"), Text("failed", style="red")]
    value, lower, upper = row.rmsle
    between = f" {lower:.3f}–{upper:.3f}" if wide else f"\n{lower:.3f}–{upper:.3f}"
    cells = [
        Text(str(row.epochs)),
        Text.assemble(f"{value:.3f}", (between, "dim")),
        Text(row.verdict, style=_STYLES.get(row.verdict, "")),
        Text(_count(row.trained_parameters)),
        Text(f"{row.seconds:,.0f}" if row.seconds >= 10 else f"{row.seconds:.1f}"),
        Text(f"{row.peak_memory_bytes / 1e6:,.0f}"),
        Text(_megabytes(row.model_bytes)),
    ]
    if wide:
        share = row.trained_parameters / row.parameters
        cells += [
            Text(_megabytes(row.trained_bytes)),
            Text(f"{share:.0%}" if share >= 0.1 else f"{share:.2%}"),
            Text(f"{row.seconds_per_1000_predictions:.1f}"),
        ]
    return cells


def _count(number: int) -> str:
    for limit, unit in ((1e6, " M"), (1e3, " k")):
        if number >= limit:
            return f"{number / limit:.1f}{unit}"
    return str(number)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f}" if size >= 10e6 else f"{size / 1e6:.2f}"
