"""pricelm export: a trained model made ready for a service without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pricelm.cli.options import JsonOption, ModelArgument, QueryOption

if TYPE_CHECKING:
    from rich.table import Table

    from pricelm.services.exporting import ExportResult


def export(
    model: ModelArgument,
    int8: Annotated[
        bool, typer.Option("--int8", help="Write graphs with 8-bit weights too, which are faster.")
    ] = False,
    listings: Annotated[
        str | None,
        typer.Option(
            metavar="LISTINGS",
            help="Listings to compare the graphs with the model on.",
            show_default="what the model knows",
        ),
    ] = None,
    query: QueryOption = None,
    json_output: JsonOption = False,
) -> None:
    """Write the language model of MODEL as ONNX graphs into MODEL/onnx, which serve without torch."""
    from rich.text import Text

    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.tables import places_view
    from pricelm.services.exporting import ExportRequest, export_model

    with TerminalProgress() as progress:
        result = export_model(ExportRequest(model, int8, listings, query), progress)
    if json_output:
        print_json(result.to_dict())
        return
    console = stdout_console()
    copies = "1 tuned copy" if result.copies == 1 else f"{result.copies} tuned copies"
    console.print(Text(f"The language model ({copies}) was exported. Beside torch:"))
    console.print(_table(result))
    console.print(places_view({"export": result.folder}))


def _table(result: ExportResult) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("graphs", no_wrap=True)
    for name in ("on disk", "texts\ncompared", "largest change\nof log price", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    for precision, parity in result.parity.items():
        size = f"{result.file_bytes[precision] / 1e6:,.0f} MB"
        error = "" if parity.error_ratio is None else f"{parity.error_ratio - 1:+.2%}"
        table.add_row(precision, size, f"{parity.texts:,}", f"{parity.largest_difference:.1e}", error)
    return table
