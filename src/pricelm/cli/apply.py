"""pricelm apply and pricelm rollback: prices go out, and come back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pricelm.cli.options import JsonOption, StoreOption

if TYPE_CHECKING:
    from pricelm.services.delivering import DeliveryResult

TargetOption = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="TARGET",
        help="FILE.csv, FILE.jsonl, https://... (webhook), sqlite:///FILE#table or postgresql://...#table.",
        show_default=False,
    ),
]
GiveUpOption = Annotated[
    bool, typer.Option("--give-up", help="Give up what did not arrive of an interrupted run, and end.")
]


def apply(
    batch: Annotated[
        int, typer.Argument(metavar="BATCH", min=1, help="Number of the plan.", show_default=False)
    ],
    to: TargetOption = None,
    give_up: GiveUpOption = False,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Hand over the approved prices of a plan, each exactly once; an interrupted run goes on."""
    from pricelm.cli.actors import caller
    from pricelm.cli.console import TerminalProgress
    from pricelm.services.applying import apply_batch, give_up_apply
    from pricelm.services.price_targets import open_target

    url = _url(store)
    if give_up:
        _tell_given_up(give_up_apply(url, batch, caller()), json_output)
        return
    target = open_target(_needed(to))
    with TerminalProgress() as progress:
        result = apply_batch(url, batch, target, caller(), progress)
    _tell(result, f"Batch {batch}", json_output)


def rollback(
    sku: Annotated[
        str | None, typer.Option(help="Take back the last price of this product.", show_default=False)
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Take back all prices of this plan.", show_default=False)
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Take back all prices that went out on this day.", show_default=False
        ),
    ] = None,
    to: TargetOption = None,
    give_up: GiveUpOption = False,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Hand over the prices from before: of one product, one plan, or one day."""
    from pricelm.cli.actors import caller
    from pricelm.cli.console import TerminalProgress
    from pricelm.services.price_targets import open_target
    from pricelm.services.rolling_back import RollbackScope, give_up_rollback, roll_back

    url = _url(store)
    scope = RollbackScope(sku, batch, day.date() if day else None)
    if give_up:
        _tell_given_up(give_up_rollback(url, scope, caller()), json_output)
        return
    target = open_target(_needed(to))
    with TerminalProgress() as progress:
        result = roll_back(url, scope, target, caller(), progress)
    _tell(result, f"Rollback of {scope.text}", json_output)


def _url(store: str | None) -> str:
    from pricelm.services.service_settings import read_settings

    return read_settings(store=store).store


def _needed(target: str | None) -> str:
    from pricelm.core.errors import ConfigError

    if target is None:
        raise ConfigError("expected --to TARGET, as in --to prices.csv, got none")
    return target


def _tell_given_up(count: int, json_output: bool) -> None:
    from pricelm.cli.console import print_json, stdout_console

    if json_output:
        print_json({"given_up": count})
    else:
        stdout_console().print(f"{_prices(count)} given up.")


def _tell(result: DeliveryResult, what: str, json_output: bool) -> None:
    from pricelm.cli.console import print_json, stderr_console, stdout_console

    if json_output:
        print_json(vars(result))
        return
    console = stdout_console()
    if result.delivery is None:
        console.print(f"{what}: no prices to hand over.")
    else:
        before = f", {result.before:,} had gone before the interruption" if result.before else ""
        said = f"{what}: {_prices(result.handed_over)} handed over{before}. Target: {result.target}"
        console.print(said, markup=False, soft_wrap=True)
    for sku, why in list(result.left_out.items())[:10]:
        stderr_console().print(f"  {sku}: {why}", markup=False)
    if len(result.left_out) > 10:
        stderr_console().print(f"  and {len(result.left_out) - 10:,} more left out")


def _prices(count: int) -> str:
    return f"{count:,} price{'' if count == 1 else 's'}"
