"""pricelm rules: what kinds of rules there are, and whether the rules of a file contradict each other."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pricelm.cli.exit_codes import ExitCode
from pricelm.cli.options import JsonOption, QueryOption, StoreOption


class RulesAction(StrEnum):
    """What to do."""

    list = "list"
    show = "show"
    lint = "lint"
    put = "put"


def rules(
    action: Annotated[
        RulesAction,
        typer.Argument(
            metavar="ACTION",
            help="list the kinds, show one, lint a file of rules, or put it in force.",
            show_default=False,
        ),
    ],
    subject: Annotated[
        str | None,
        typer.Argument(metavar="SUBJECT", help="The kind to show, or the YAML file.", show_default=False),
    ] = None,
    products: Annotated[
        str | None,
        typer.Argument(
            metavar="PRODUCTS",
            help="With lint: table of the products that the rules are for.",
            show_default=False,
        ),
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="The day that windows and ages count from.", show_default="today"
        ),
    ] = None,
    query: QueryOption = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Explain the kinds of pricing rules, find contradictions in a file of them, or put it in force."""
    from pricelm.core.errors import ConfigError

    if action is not RulesAction.list and subject is None:
        wanted = "the kind" if action is RulesAction.show else "the YAML file"
        raise ConfigError(
            f"expected {wanted} after {action.value}, as in: pricelm rules {action.value} SUBJECT"
        )
    if products is not None and action is not RulesAction.lint:
        raise ConfigError(f"expected products only with lint, got them with {action.value}")
    if action is RulesAction.list:
        _list(json_output)
    elif action is RulesAction.show:
        _show(str(subject), json_output)
    elif action is RulesAction.put:
        _put(Path(str(subject)), store, json_output)
    else:
        _lint(Path(str(subject)), products, (today.date() if today else None, query), json_output)


def _put(file: Path, store: str | None, json_output: bool) -> None:
    from pricelm.cli.actors import actor_name
    from pricelm.cli.console import print_json, stdout_console
    from pricelm.knowledge.rule_files import load_rules
    from pricelm.services.rule_history import put_rules_in_force
    from pricelm.services.service_settings import read_settings

    load_rules(file)
    text = file.read_text(encoding="utf-8")
    record = put_rules_in_force(read_settings(store=store).store, text, actor_name(), f"from {file.name}")
    if json_output:
        print_json({**vars(record), "at": record.at.isoformat()})
    else:
        stdout_console().print(f"Version {record.version} of the rules is in force: {record.rules:,} rules.")


def _list(json_output: bool) -> None:
    from rich.table import Table

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.knowledge.kinds import KINDS, describe_kind

    kinds = [describe_kind(kind) for kind in KINDS]
    if json_output:
        print_json({"kinds": kinds})
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("kind", "binds", "what it says"):
        table.add_column(name, style="bold" if name == "kind" else "", no_wrap=name != "what it says")
    for kind in kinds:
        table.add_row(kind["kind"], kind["binds"], kind["summary"])
    stdout_console().print(table)


def _show(kind: str, json_output: bool) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.knowledge.kinds import describe_kind

    told = describe_kind(kind)
    if json_output:
        print_json(told)
        return
    console = stdout_console()
    console.print(Text.assemble((kind, "bold"), f"  binds {told['binds']}, version {told['version']}"))
    console.print(Text(told["summary"]))
    grid = Table.grid(padding=(0, 2))
    for name, setting in told["settings"].items():
        grid.add_row(Text(name, style="cyan"), Text(setting["about"]), Text(setting["expected"], style="dim"))
    console.print(Padding(grid, (1, 0, 1, 2)))
    console.print(Text(told["example"], style="dim"))


def _lint(path: Path, products: str | None, more: tuple[date | None, str | None], json_output: bool) -> None:
    from rich.text import Text

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.rules import check_rules

    result = check_rules(path, products, today=more[0], query=more[1])
    if json_output:
        print_json(result.to_dict())
    else:
        console = stdout_console()
        for finding in result.findings:
            style = "bold red" if finding.level == "error" else "yellow"
            about = f" ({finding.products:,} products)" if finding.products else ""
            line = Text.assemble(
                (finding.level, style), f"  {' + '.join(finding.rules)}{about}: {finding.message}"
            )
            console.print(line, soft_wrap=True)
        on = f" on {result.products:,} products" if result.products else ""
        rejected = f"; {result.rejected:,} products cannot be used" if result.rejected else ""
        state = "no contradiction" if result.ok else "contradictions found"
        console.print(Text(f"{result.rules:,} rules{on}: {state}{rejected}."))
    if not result.ok:
        raise typer.Exit(ExitCode.RULES)
