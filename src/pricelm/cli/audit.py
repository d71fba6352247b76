"""pricelm audit: who did what, and whether anybody changed the log of it."""

from __future__ import annotations

from typing import Annotated

import typer

from pricelm.cli.exit_codes import ExitCode
from pricelm.cli.options import JsonOption, StoreOption

audit = typer.Typer(no_args_is_help=True, help="Show the audit log, and check that nobody changed it.")


@audit.command()
def verify(
    known_end: Annotated[
        str | None,
        typer.Option(
            "--known-end",
            metavar="COUNT:HASH",
            help="What an earlier check printed; the log must still hold that entry.",
            show_default="none",
        ),
    ] = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Check every entry of the log, their order, and how it ends."""
    from rich.text import Text

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.auditing import verify_audit
    from pricelm.services.service_settings import read_settings

    report = verify_audit(read_settings(store=store).store, known_end)
    if json_output:
        print_json({"ok": report.ok, **vars(report)})
    else:
        console = stdout_console()
        if report.ok:
            console.print(Text(f"{report.entries:,} entries, all as they were written.", style="green"))
            console.print(
                "Keep this elsewhere; with --known-end it shows later that nobody wrote the log anew:"
            )
            console.print(report.end, soft_wrap=True)
        else:
            console.print(Text("The audit log was changed:", style="bold red"))
            for problem in report.problems:
                console.print(f"  {problem}", markup=False)
    if not report.ok:
        raise typer.Exit(ExitCode.STORE)


@audit.command()
def show(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most entries.")] = 20,
    actor: Annotated[str | None, typer.Option(help="Only what this person did.", show_default="all")] = None,
    subject: Annotated[
        str | None,
        typer.Option(help="Only what was done to this, as in 'batch 7'.", show_default="all"),
    ] = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show the newest entries, newest first."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.auditing import show_audit
    from pricelm.services.service_settings import read_settings

    entries = show_audit(read_settings(store=store).store, limit, actor=actor, subject=subject)
    if json_output:
        print_json([{**vars(one), "at": one.at.isoformat()} for one in entries])
        return
    if not entries:
        stdout_console().print("No entries.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in ("entry", "at", "who", "did", "to", "details"):
        table.add_column(column, justify="right" if column == "entry" else "left", overflow="fold")
    for one in entries:
        cells = (f"{one.at:%Y-%m-%d %H:%M}", one.actor, one.action, one.subject, _short(one.details))
        table.add_row(str(one.entry), *(Text(cell) for cell in cells))
    stdout_console().print(table)


def _short(details: dict[str, object]) -> str:
    """Say the details in a line: how many where there are many."""
    parts = []
    for name, value in details.items():
        if isinstance(value, list | dict):
            parts.append(f"{len(value):,} {name}")
        elif isinstance(value, str) and len(value) == 64:
            parts.append(f"{name} {value[:8]}")
        elif value not in ("", None):
            parts.append(f"{name} {value}")
    return ", ".join(parts)
