"""pricelm keys: who may ask the service for what."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pricelm.cli.options import JsonOption, StoreOption

keys = typer.Typer(no_args_is_help=True, help="Add, list and revoke keys of the service.")


class RoleName(StrEnum):
    """What a key may do."""

    viewer = "viewer"
    analyst = "analyst"
    approver = "approver"
    admin = "admin"


@keys.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whom it is for.", show_default=False)],
    role: Annotated[RoleName, typer.Option(help="What it may do.")] = RoleName.viewer,
    rate: Annotated[
        float | None, typer.Option(help="Listings a second.", show_default="that of the service")
    ] = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Make a key and show it once; only a hash of it is kept."""
    from pricelm.cli.actors import actor_name
    from pricelm.cli.console import print_json, stderr_console
    from pricelm.services.service_keys import add_key
    from pricelm.services.service_settings import read_settings

    key = add_key(read_settings(store=store).store, name, role.value, actor_name(), rate)
    if json_output:
        print_json({"key": key, "name": name, "role": role.value, "listings_per_second": rate})
        return
    stderr_console().print(f"A key for {name} ({role.value}). It is shown this once:", markup=False)
    typer.echo(key)


@keys.command("list")
def list_(store: StoreOption = None, json_output: JsonOption = False) -> None:
    """List the keys, revoked ones too, without their secrets."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.service_keys import list_keys
    from pricelm.services.service_settings import read_settings

    known = list_keys(read_settings(store=store).store)
    if json_output:
        print_json(
            [
                {
                    **vars(key),
                    "created": key.created.isoformat(),
                    "revoked": key.revoked and key.revoked.isoformat(),
                }
                for key in known
            ]
        )
        return
    if not known:
        stdout_console().print(
            "No keys yet: the service answers this machine only. 'pricelm keys add NAME' makes one."
        )
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in ("id", "name", "role", "listings/s", "created", "revoked"):
        table.add_column(column, justify="right" if column == "listings/s" else "left")
    for key in known:
        rate = "" if key.listings_per_second is None else f"{key.listings_per_second:g}"
        times = [f"{time:%Y-%m-%d %H:%M}" if time else "" for time in (key.created, key.revoked)]
        table.add_row(key.key_id, Text(key.name), key.role, rate, *times, style="dim" if key.revoked else "")
    stdout_console().print(table)


@keys.command()
def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="KEY_ID", help="Its id, as the list shows it.", show_default=False)
    ],
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Revoke a key for good; running services follow within a second or so."""
    from pricelm.cli.actors import actor_name
    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.service_keys import revoke_key
    from pricelm.services.service_settings import read_settings

    key = revoke_key(read_settings(store=store).store, key_id, actor_name())
    if json_output:
        print_json({"key_id": key.key_id, "name": key.name, "revoked": True})
    else:
        stdout_console().print(f"The key of {key.name} is revoked.", markup=False)
