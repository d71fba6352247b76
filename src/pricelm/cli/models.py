"""pricelm models: which version of the model answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pricelm.cli.actors import actor_name
from pricelm.cli.options import JsonOption, ModelArgument, StoreOption

if TYPE_CHECKING:
    from pricelm.services.model_registry import ModelRegistry, VersionRecord

models = typer.Typer(no_args_is_help=True, help="Register, promote and try out versions of the model.")
VersionArgument = Annotated[
    int, typer.Argument(metavar="VERSION", min=1, help="Number of the version.", show_default=False)
]


@models.command("list")
def list_(store: StoreOption = None, json_output: JsonOption = False) -> None:
    """List all versions, newest first, and the latest changes."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import print_json, stdout_console

    registry = _registry(store)
    versions, changes = registry.versions(), registry.changes(10)
    if json_output:
        print_json(
            {
                "versions": [_document(one) for one in versions],
                "changes": [{**vars(one), "at": one.at.isoformat()} for one in changes],
            }
        )
        return
    if not versions:
        stdout_console().print(
            "No versions yet: 'pricelm serve MODEL' or 'pricelm models register MODEL' adds one."
        )
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in ("version", "state", "bundle", "registered", "promoted"):
        table.add_column(column, overflow="fold")
    for one in versions:
        state = f"{one.state} {one.share:.0%}" if one.state == "canary" else one.state
        times = [f"{time:%Y-%m-%d %H:%M}" if time else "" for time in (one.created, one.promoted)]
        style = "bold green" if one.state == "active" else ""
        table.add_row(str(one.version), Text(state, style=style), Text(str(one.bundle)), *times)
    console = stdout_console()
    console.print(table)
    for change in changes:
        console.print(
            Text(
                f"{change.at:%Y-%m-%d %H:%M}  {change.actor}: {change.action} {change.version} {change.note}"
            ),
            style="dim",
        )


@models.command()
def register(model: ModelArgument, store: StoreOption = None, json_output: JsonOption = False) -> None:
    """Add a bundle to the registry after a trial load; it answers nothing yet."""
    version, is_new = _registry(store).register(model, actor_name())
    _tell(version, "registered" if is_new else "known already", json_output)


@models.command()
def promote(version: VersionArgument, store: StoreOption = None, json_output: JsonOption = False) -> None:
    """Let VERSION answer; running services follow within a second or so, without a failed request."""
    _tell(_registry(store).promote(version, actor_name()), "answers from now on", json_output)


@models.command()
def rollback(store: StoreOption = None, json_output: JsonOption = False) -> None:
    """Let the version before the present one answer again."""
    _tell(_registry(store).roll_back(actor_name()), "answers again", json_output)


@models.command()
def shadow(version: VersionArgument, store: StoreOption = None, json_output: JsonOption = False) -> None:
    """Let VERSION price along without being heard; the metrics show how far it differs."""
    _tell(_registry(store).shadow(version, actor_name()), "prices along", json_output)


@models.command()
def canary(
    version: VersionArgument,
    share: Annotated[float, typer.Option(help="Share of the listings, at most 0.5.")] = 0.05,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Let VERSION answer for a share of the listings; it is stopped when outcomes show it to be worse."""
    record = _registry(store).canary(version, share, actor_name())
    _tell(record, f"answers for {share:.0%} of the listings", json_output)


@models.command()
def stop(version: VersionArgument, store: StoreOption = None, json_output: JsonOption = False) -> None:
    """End the trial of a canary or a shadow."""
    _tell(_registry(store).stop(version, actor_name()), "is stopped", json_output)


def _registry(store: str | None) -> ModelRegistry:
    from pricelm.services.bootstrap import open_registry
    from pricelm.services.service_settings import read_settings

    return open_registry(read_settings(store=store).store)


def _tell(version: VersionRecord, what: str, json_output: bool) -> None:
    from pricelm.cli.console import print_json, stdout_console

    if json_output:
        print_json(_document(version))
    else:
        bundle = Path(version.bundle)
        stdout_console().print(f"Version {version.version} ({bundle.name}) {what}.", markup=False)


def _document(version: VersionRecord) -> dict[str, Any]:
    return {
        **vars(version),
        "bundle": str(version.bundle),
        "created": version.created.isoformat(),
        "promoted": version.promoted.isoformat() if version.promoted else None,
    }
