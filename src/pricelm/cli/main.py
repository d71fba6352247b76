"""The entry point ``pricelm``: commands and what they share."""

from __future__ import annotations

from typing import Annotated

import typer

import pricelm
from pricelm.cli.apply import apply, rollback
from pricelm.cli.audit import audit
from pricelm.cli.backbones import backbones
from pricelm.cli.batch import batch_commands
from pricelm.cli.compare import compare
from pricelm.cli.compete import compete
from pricelm.cli.config import config
from pricelm.cli.demand import demand
from pricelm.cli.demo import demo
from pricelm.cli.doctor import doctor
from pricelm.cli.evaluate import evaluate
from pricelm.cli.exit_codes import MEANINGS
from pricelm.cli.export import export
from pricelm.cli.failures import Commands
from pricelm.cli.forecast import forecast
from pricelm.cli.keys import keys
from pricelm.cli.markdown import markdown
from pricelm.cli.models import models
from pricelm.cli.optimize import optimize
from pricelm.cli.predict import predict
from pricelm.cli.promote import promote
from pricelm.cli.quote import quote
from pricelm.cli.replay import replay
from pricelm.cli.rules import rules
from pricelm.cli.serve import serve
from pricelm.cli.simulate import simulate
from pricelm.cli.stock import stock
from pricelm.cli.store import store
from pricelm.cli.train import train
from pricelm.cli.tune import tune
from pricelm.cli.users import users

_EPILOG = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + "."

app = typer.Typer(
    name="pricelm",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    train,
    tune,
    compare,
    evaluate,
    predict,
    quote,
    export,
    serve,
    backbones,
    demand,
    forecast,
    rules,
    optimize,
    apply,
    rollback,
    replay,
    promote,
    markdown,
    stock,
    demo,
    doctor,
):
    app.command()(command)
app.add_typer(compete, name="compete")
app.add_typer(batch_commands, name="batch")
app.add_typer(store, name="store")
app.add_typer(audit, name="audit")
app.add_typer(keys, name="keys")
app.add_typer(users, name="users")
app.add_typer(models, name="models")
app.add_typer(config, name="config")
app.add_typer(simulate, name="simulate")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pricelm {pricelm.__version__}")
        raise typer.Exit


@app.callback(epilog=_EPILOG)
def shared(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Prices things from what is written about them."""


def main() -> None:
    """Run the command line."""
    app(prog_name="pricelm")
