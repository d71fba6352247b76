"""pricelm store: keep the database of prices, decisions, models and keys."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pricelm.cli.options import JsonOption, QueryOption, StoreOption

if TYPE_CHECKING:
    from pricelm.services.store_admin import Backup, StoreStatus

store = typer.Typer(no_args_is_help=True, help="Make, look at, back up, restore and export the store.")


class KindName(StrEnum):
    """What can be read into a store."""

    listings = "listings"
    observations = "observations"
    sales = "sales"


NewFolder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder that is not there yet.", show_default=False)
]


@store.command()
def init(store: StoreOption = None, json_output: JsonOption = False) -> None:
    """Make the store, or bring one of an earlier pricelm to the form of today."""
    _show(_status(store), "The store is ready.", json_output)


@store.command()
def status(store: StoreOption = None, json_output: JsonOption = False) -> None:
    """Show what is in the store, and whether prices are on their way."""
    _show(_status(store), "", json_output)


@store.command()
def load(
    kind: Annotated[KindName, typer.Argument(metavar="KIND", help="What the rows are.", show_default=False)],
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="File or database address.", show_default=False)
    ],
    query: QueryOption = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Read listings, observed prices or sales into the store; reading a file again changes nothing."""
    from pricelm.cli.console import TerminalProgress, print_json, stdout_console
    from pricelm.cli.tables import counts_line
    from pricelm.services.market_memory import LoadRequest, load_market

    with TerminalProgress() as progress:
        result = load_market(_url(store), LoadRequest(kind.value, source, query), progress)
    if json_output:
        print_json({**vars(result), "rejected": str(result.rejected) if result.rejected else None})
        return
    stdout_console().print(f"{result.rows:,} rows of {result.kind} are in the store.")
    if result.rejected:
        stdout_console().print(counts_line(result.rejected_counts))
        stdout_console().print(f"They are in {result.rejected}.", markup=False)


@store.command()
def backup(folder: NewFolder, store: StoreOption = None, json_output: JsonOption = False) -> None:
    """Write a backup of one moment into FOLDER while the store is in use."""
    from pricelm.cli.console import TerminalProgress
    from pricelm.services.store_admin import back_up_store

    with TerminalProgress() as progress:
        made = back_up_store(_url(store), folder, progress)
    _show_backup(made, f"pricelm store restore {folder} --store URL", json_output)


@store.command()
def restore(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A backup.", exists=True, show_default=False)
    ],
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Fill an empty database from the backup in FOLDER, whole or not at all."""
    from pricelm.services.store_admin import restore_store

    _show(restore_store(folder, _url(store)), "Restored.", json_output)


@store.command()
def export(folder: NewFolder, store: StoreOption = None, json_output: JsonOption = False) -> None:
    """Write every table into FOLDER as JSON lines for other programs, without secrets."""
    from pricelm.cli.console import TerminalProgress
    from pricelm.services.store_admin import export_store

    with TerminalProgress() as progress:
        made = export_store(_url(store), folder, progress)
    _show_backup(made, "", json_output)


@store.command()
def prune(
    quotes_before: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="Delete the quotes from before this day (UTC).",
            show_default=False,
        ),
    ],
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Delete recorded quotes of long ago, and the listings that nothing else refers to."""
    from pricelm.cli.actors import actor_name
    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.quote_log import prune_recorded_quotes

    gone = prune_recorded_quotes(_url(store), quotes_before.replace(tzinfo=UTC), actor_name())
    if json_output:
        print_json(vars(gone))
        return
    stdout_console().print(f"{gone.quotes:,} quotes and {gone.listings:,} listings deleted.")


def _url(store: str | None) -> str:
    from pricelm.services.service_settings import read_settings

    return read_settings(store=store).store


def _status(store: str | None) -> StoreStatus:
    from pricelm.services.store_admin import store_status

    return store_status(_url(store))


def _show(status: StoreStatus, headline: str, json_output: bool) -> None:
    from rich.table import Table

    from pricelm.cli.console import print_json, stdout_console

    if json_output:
        print_json(vars(status))
        return
    console = stdout_console()
    if headline:
        console.print(headline)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("database", f"{status.kind}, form {status.revision}, {status.size_bytes / 1e6:,.1f} MB")
    filled = {name: count for name, count in sorted(status.rows.items()) if count and name != "audit_anchor"}
    said = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in filled.items())
    grid.add_row("rows", said or "none yet")
    grid.add_row("audit log", f"{status.audit_entries:,} entries, ends in {status.audit_sha256[:12]}")
    if status.prices_on_their_way:
        waiting = f"{status.prices_on_their_way:,}: run the same apply or rollback again"
        grid.add_row("prices on their way", waiting, style="yellow")
    console.print(grid)


def _show_backup(made: Backup, following: str, json_output: bool) -> None:
    from pricelm.cli.console import print_json, stdout_console
    from pricelm.cli.tables import places_view

    if json_output:
        print_json({**vars(made), "folder": str(made.folder)})
        return
    console = stdout_console()
    rows = sum(made.rows.values())
    console.print(f"{rows:,} rows in {len(made.rows)} tables, {made.size_bytes / 1e6:,.1f} MB.")
    console.print(places_view({made.form: made.folder}, [following] if following else []))
