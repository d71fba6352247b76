"""pricelm replay: make a recorded recommendation again and say whether it agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pricelm.cli.exit_codes import ExitCode
from pricelm.cli.options import JsonOption, StoreOption

if TYPE_CHECKING:
    from pricelm.services.replaying import ReplayReport

_MOST_LINES = 20


def replay(
    number: Annotated[
        int,
        typer.Argument(
            metavar="NUMBER",
            min=1,
            help="Number of a recommendation, as 'batch show' shows it.",
            show_default=False,
        ),
    ],
    whole_batch: Annotated[
        bool, typer.Option("--batch", help="NUMBER is that of a plan; compare all its recommendations.")
    ] = False,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Make a recommendation again from what it was made of, and compare."""
    from pricelm.cli.console import print_json
    from pricelm.services.replaying import replay_batch, replay_recommendation
    from pricelm.services.service_settings import read_settings

    url = read_settings(store=store).store
    report = replay_batch(url, number) if whole_batch else replay_recommendation(url, number)
    if json_output:
        document = {**vars(report), "differences": [vars(one) for one in report.differences]}
        print_json({"agrees": report.agrees, **document})
    else:
        _show(report)
    if not report.agrees:
        raise typer.Exit(ExitCode.STORE)


def _show(report: ReplayReport) -> None:
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import stdout_console

    console = stdout_console()
    what = f"recommendation {report.recommendation}" if report.recommendation else f"batch {report.batch}"
    if report.agrees:
        console.print(Text(f"Made again: {what} agrees ({report.compared:,} compared).", style="green"))
    else:
        console.print(Text(f"Made again: {what} differs.", style="bold red"))
        for one in report.differences[:_MOST_LINES]:
            console.print(f"  {one.sku} {one.field}: {one.recorded} -> {one.replayed}", markup=False)
        if len(report.differences) > _MOST_LINES:
            console.print(f"  and {len(report.differences) - _MOST_LINES:,} more")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    facts = report.facts
    model = facts.get("model")
    grid.add_row("model", f"version {model['version']}" if model else "none was active")
    for name, key in facts["parts"].items():
        grid.add_row(name, f"{facts['sources'].get(name, {}).get('file', '')} {key[:12]}".strip())
    plan = facts["plan"]
    grid.add_row(
        "settings", f"seed {plan['seed']}, {plan['risk']['n_draws']} draws, risk {plan['risk']['measure']}"
    )
    if report.versions:
        grid.add_row(
            "other versions", ", ".join(f"{name} {change}" for name, change in report.versions.items())
        )
    console.print(grid)
