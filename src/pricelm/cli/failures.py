"""Failures: every error of every command ends here, as one clear message and an exit code."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from pricelm.cli.exit_codes import ExitCode, exit_code_of
from pricelm.core.errors import PricelmError, TrainingStopped

_ARGUMENTS = "pricelm.arguments"
_DEBUG = "--debug"
_RESUMABLE = ("train", "tune", "compare", "predict", "demo")


class Commands(TyperGroup):
    """The group of all commands; it turns errors into messages and exit codes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--debug`` wherever it stands."""
        ctx.meta[_ARGUMENTS] = list(args)
        if _DEBUG in args:
            args = [_DEBUG, *(word for word in args if word != _DEBUG)]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; say what went wrong in one message."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, TrainingStopped) as error:
            if ctx.params.get("debug"):
                raise
            if exit_code_of(error) == ExitCode.INTERRUPTED:
                _say_interrupted(error, ctx)
            else:
                _say_error(str(error))
            raise typer.Exit(exit_code_of(error)) from error
        except BrokenPipeError:
            # whoever was reading has seen enough; Python would complain once more while it closes stdout
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
            raise typer.Exit(ExitCode.OK) from None
        except Exception as error:
            # what the command line's own library raises carries its exit code and message
            if ctx.params.get("debug") or isinstance(error, typer.Abort) or hasattr(error, "exit_code"):
                raise
            _say_error(_message(error))
            raise typer.Exit(exit_code_of(error)) from error


def _message(error: Exception) -> str:
    if isinstance(error, PricelmError):
        return str(error)
    if isinstance(error, MemoryError):
        return "the memory is full; close other programs, take smaller chunks, or use the preset 'fast'"
    if exit_code_of(error) == ExitCode.RESOURCES:
        return f"the disk is full ({error}); free some space and run the same command again"
    return f"unexpected {type(error).__name__}: {error}. Run it again with --debug to see where"


def _say_interrupted(error: BaseException, ctx: Any) -> None:
    from rich.text import Text

    from pricelm.cli.console import stderr_console

    console = stderr_console()
    words = str(error) or "interrupted"
    console.print(Text.assemble(("Stopped: ", "bold yellow"), " ".join(words.split())), soft_wrap=True)
    if ctx.invoked_subcommand in _RESUMABLE:
        again = shlex.join(["pricelm", *ctx.meta[_ARGUMENTS]])
        console.print(Text.assemble("To go on from there, run: ", (again, "bold")), soft_wrap=True)


def _say_error(message: str) -> None:
    from rich.text import Text

    from pricelm.cli.console import stderr_console

    text = Text.assemble(("Error: ", "bold red"), (" ".join(message.split()), "red"))
    stderr_console().print(text, soft_wrap=True)
