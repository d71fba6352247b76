"""pricelm users: who may log in to the console."""

from __future__ import annotations

from typing import Annotated

import typer

from pricelm.cli.keys import RoleName
from pricelm.cli.options import JsonOption, StoreOption

users = typer.Typer(no_args_is_help=True, help="Add, list and disable users of the console.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.", show_default=False)]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")
]


@users.command()
def add(
    name: NameArgument,
    role: Annotated[RoleName, typer.Option(help="What they may do.")] = RoleName.viewer,
    password_stdin: StdinOption = False,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Add a user; the first one should be an admin, who can add others in the console."""
    from pricelm.cli.actors import actor_name
    from pricelm.services.console_users import add_console_user

    made = add_console_user(_url(store), name, role.value, _password(password_stdin), actor_name())
    _tell({"name": made.name, "role": made.role}, f"{made.name} can log in as {made.role}.", json_output)


@users.command("list")
def list_(store: StoreOption = None, json_output: JsonOption = False) -> None:
    """List the users, disabled ones too."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.console_users import list_console_users

    known = list_console_users(_url(store))
    if json_output:
        times = ("created", "disabled", "locked_until")
        print_json(
            [
                {**vars(one), **{name: (time := getattr(one, name)) and time.isoformat() for name in times}}
                for one in known
            ]
        )
        return
    if not known:
        stdout_console().print("No users yet: 'pricelm users add NAME --role admin' makes the first one.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in ("name", "role", "language", "created", "disabled"):
        table.add_column(column)
    for one in known:
        shown = [f"{time:%Y-%m-%d %H:%M}" if time else "" for time in (one.created, one.disabled)]
        table.add_row(Text(one.name), one.role, one.language, *shown, style="dim" if one.disabled else "")
    stdout_console().print(table)


@users.command()
def password(
    name: NameArgument,
    password_stdin: StdinOption = False,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Give a user another password; their sessions end, and a lock is lifted."""
    from pricelm.cli.actors import actor_name
    from pricelm.services.console_users import set_console_password

    set_console_password(_url(store), name, _password(password_stdin), actor_name())
    _tell({"name": name, "password": "set"}, f"{name} has a new password.", json_output)


@users.command()
def disable(name: NameArgument, store: StoreOption = None, json_output: JsonOption = False) -> None:
    """Shut a user out at once; what they did stays in the records."""
    from pricelm.cli.actors import actor_name
    from pricelm.services.console_users import disable_console_user

    disable_console_user(_url(store), name, actor_name())
    _tell({"name": name, "disabled": True}, f"{name} is shut out.", json_output)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return typer.get_text_stream("stdin").readline().rstrip("\r\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed


def _url(store: str | None) -> str:
    from pricelm.services.service_settings import read_settings

    return read_settings(store=store).store


def _tell(document: dict[str, object], line: str, json_output: bool) -> None:
    from pricelm.cli.console import print_json, stdout_console

    if json_output:
        print_json(document)
    else:
        stdout_console().print(line, markup=False)
