"""pricelm doctor: what this machine can do, and what to do about what it cannot."""

from __future__ import annotations

import typer

from pricelm.cli.exit_codes import ExitCode
from pricelm.cli.options import JsonOption

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(json_output: JsonOption = False) -> None:
    """Check Python, cores, memory, disk, optional parts, backbones and caches."""
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.doctor import examine

    findings = examine()
    failed = any(finding.status == "fail" for finding in findings)
    if json_output:
        print_json({"ok": not failed, "findings": [finding.to_dict() for finding in findings]})
    else:
        grid = Table.grid(padding=(0, 2))
        for finding in findings:
            found = Text(finding.found)
            if finding.advice:
                found.append(f"\n→ {finding.advice}", style="dim")
            grid.add_row(Text(finding.status, style=_STYLES[finding.status]), finding.name, found)
        stdout_console().print(grid)
    if failed:
        raise typer.Exit(ExitCode.UNEXPECTED)
