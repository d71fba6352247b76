"""pricelm batch: look at plans in the store, and approve, edit or reject what they recommend."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pricelm.cli.exit_codes import ExitCode
from pricelm.cli.options import JsonOption, StoreOption

if TYPE_CHECKING:
    from pricelm.services.approving import BatchRecord, DecisionRequest, Decisions

batch_commands = typer.Typer(no_args_is_help=True, help="Look at plans in the store and decide about them.")
BatchArgument = Annotated[
    int, typer.Argument(metavar="BATCH", min=1, help="Number of the plan.", show_default=False)
]
SkuOption = Annotated[
    list[str] | None,
    typer.Option("--sku", help="Only this product; may be repeated.", show_default="all open moves"),
]
ReasonOption = Annotated[str, typer.Option(help="Why.", show_default=False)]


class StateName(StrEnum):
    """Where a recommendation stands."""

    open = "open"
    approved = "approved"
    rejected = "rejected"
    applying = "applying"
    applied = "applied"
    stale = "stale"
    rolled_back = "rolled back"


@batch_commands.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most plans.")] = 20,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """List the newest plans."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.approving import list_batches

    found = list_batches(_url(store), limit)
    if json_output:
        print_json([_document(one) for one in found])
        return
    if not found:
        stdout_console().print("No plans yet: 'pricelm optimize ... --store URL' writes one.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in ("batch", "made", "by", "products", "states"):
        table.add_column(column, justify="right" if column in ("batch", "products") else "left")
    for one in found:
        cells = (f"{one.created:%Y-%m-%d %H:%M}", one.actor, f"{one.recommendations:,}", _states(one))
        table.add_row(str(one.batch), *(Text(cell) for cell in cells))
    stdout_console().print(table)


@batch_commands.command()
def show(
    batch: BatchArgument,
    state: Annotated[
        StateName | None, typer.Option(help="Only recommendations in this state.", show_default="all")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200_000, help="Most recommendations.")] = 20,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show the recommendations of a plan with their numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from pricelm.cli.console import print_json, stdout_console
    from pricelm.services.approving import show_batch

    made, rows = show_batch(_url(store), batch, state=state.value if state else None, limit=limit)
    if json_output:
        print_json({**_document(made), "shown": [_row(vars(one)) for one in rows]})
        return
    console = stdout_console()
    console.print(f"Batch {made.batch} by {made.actor}: {_states(made)}", markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in ("number", "product", "action", "now", "proposed", "decided", "gain", "state"):
        right = column in ("number", "now", "proposed", "decided", "gain")
        table.add_column(column, justify="right" if right else "left", no_wrap=right)
    for one in rows:
        decided = "" if one.decided_price is None else f"{one.decided_price:,.2f}"
        gain = "" if one.gain is None else f"{one.gain:+,.2f}"
        prices = (f"{one.current_price:,.2f}", f"{one.proposed_price:,.2f}", decided, gain)
        cells = (str(one.recommendation), one.sku, one.action, *prices, one.state)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


@batch_commands.command()
def approve(
    batch: BatchArgument,
    sku: SkuOption = None,
    reason: ReasonOption = "",
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Approve prices of a plan; a big move needs another person than the one who proposed it."""
    from pricelm.services.approving import approve as decide

    url, request = _request(batch, sku, reason, store)
    _tell(decide(url, request), "approved", json_output)


@batch_commands.command()
def reject(
    batch: BatchArgument,
    reason: ReasonOption,
    sku: SkuOption = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Reject prices of a plan that did not go out yet."""
    from pricelm.services.approving import reject as decide

    url, request = _request(batch, sku, reason, store)
    _tell(decide(url, request), "rejected", json_output)


@batch_commands.command()
def edit(
    batch: BatchArgument,
    reason: ReasonOption,
    sku: Annotated[
        list[str], typer.Option("--sku", help="The product; may be repeated.", show_default=False)
    ],
    price: Annotated[
        float | None, typer.Option(help="The price to take instead.", show_default=False)
    ] = None,
    change: Annotated[
        float | None,
        typer.Option(
            help="Instead of a price: a share of each present one, such as -0.05, at the nearest ending.",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Put other prices in place of the proposed ones, within the hard rules."""
    from pricelm.services.editing import PriceEdit
    from pricelm.services.editing import edit as decide

    url, request = _request(batch, sku, reason, store)
    _tell(decide(url, request, PriceEdit(price, change)), "edited", json_output)


def _url(store: str | None) -> str:
    from pricelm.services.service_settings import read_settings

    return read_settings(store=store).store


def _request(
    batch: int, skus: list[str] | None, reason: str, store: str | None
) -> tuple[str, DecisionRequest]:
    from pricelm.cli.actors import caller
    from pricelm.services.approving import DecisionRequest
    from pricelm.services.service_settings import read_settings

    settings = read_settings(store=store)
    return settings.store, DecisionRequest(batch, caller(), skus or None, reason, settings.four_eyes_share)


def _tell(made: Decisions, what: str, json_output: bool) -> None:
    from pricelm.cli.console import print_json, stderr_console, stdout_console

    if json_output:
        print_json({what: made.done, "refused": {str(key): why for key, why in made.refused.items()}})
    else:
        stdout_console().print(f"{len(made.done):,} {what}, {len(made.refused):,} left as they were.")
        shown = list(made.refused.values())[:10]
        for why in shown:
            stderr_console().print(f"  {why}", markup=False)
        if len(made.refused) > len(shown):
            stderr_console().print(f"  and {len(made.refused) - len(shown):,} more")
    if made.refused and not made.done:
        raise typer.Exit(ExitCode.USAGE)


def _states(one: BatchRecord) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in one.states.items())


def _document(one: BatchRecord) -> dict[str, Any]:
    return {**vars(one), "created": one.created.isoformat()}


def _row(values: dict[str, Any]) -> dict[str, Any]:
    prices = ("current_price", "proposed_price", "price_low", "price_high", "decided_price")
    return {
        name: float(value) if name in prices and value is not None else value
        for name, value in values.items()
    }
