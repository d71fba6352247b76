"""pricelm config: what is set, and whence each setting came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from pricelm.cli.options import (
    ConfigOption,
    HostOption,
    JsonOption,
    PortOption,
    ServedStoreOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from pricelm.services.service_settings import Configuration

config = typer.Typer(no_args_is_help=True, help="Show the settings, and check them before a start.")


@config.command()
def show(
    host: HostOption = None,
    port: PortOption = None,
    store: ServedStoreOption = None,
    workers: WorkersOption = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show every setting that the service would have with these options, and whence it came; no secrets."""
    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.service_settings import read_configuration

    read = read_configuration(config, host=host, port=port, store=store, workers=workers)
    if json_output:
        print_json(_document(read))
    else:
        stdout_console().print(_table(read))
        _warn(read.layers.warnings)


def _document(read: Configuration) -> dict[str, object]:
    settings = {
        one.name: {"value": one.value, "source": one.origin.source, "place": one.origin.place}
        for one in read.shown()
    }
    file = None if read.layers.file is None else str(read.layers.file)
    return {"file": file, "settings": settings, "warnings": list(read.layers.warnings)}


def _table(read: Configuration) -> object:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", overflow="fold")
    for one in read.shown():
        value = "" if one.value is None else str(one.value)
        whence = " ".join(filter(None, (one.origin.source, one.origin.place)))
        style = "dim" if one.origin.source == "default" else ""
        table.add_row(one.name, Text(value), Text(whence), style=style)
    return table


def _warn(warnings: tuple[str, ...]) -> None:
    from pricelm.cli.console import stderr_console

    for line in warnings:
        stderr_console().print(f"note: {line}", style="yellow", markup=False, soft_wrap=True)
