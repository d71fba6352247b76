"""Rolling back: prices that went out are taken back: one product, one plan, or one day."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from pricelm.core.errors import ConfigError
from pricelm.core.protocols import Progress, Silence
from pricelm.services.delivering import DeliveryResult, check_approver, deliver, give_up, unfinished
from pricelm.services.price_targets import PriceTarget
from pricelm.services.service_keys import Caller
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.database import Store
from pricelm.storage.prices import (
    PriceChange,
    add_changes,
    add_delivery,
    change_numbers,
    delivered_changes,
    mark_undone,
    skus_on_their_way,
    standing_changes,
)


@dataclass(frozen=True)
class RollbackScope:
    """What is taken back; exactly one is given.

    Parameters
    ----------
    sku : str, optional
        The last price that went out of this product.
    batch : int, optional
        All prices of this plan.
    day : datetime.date, optional
        All prices that went out on this day, in the time zone of this machine.

    Raises
    ------
    ConfigError
        If none or several are given.

    Examples
    --------
    >>> RollbackScope(batch=7).text
    'batch 7'
    """

    sku: str | None = None
    batch: int | None = None
    day: date | None = None

    def __post_init__(self) -> None:
        given = [one for one in (self.sku, self.batch, self.day) if one is not None]
        if len(given) != 1:
            raise ConfigError(f"expected one of a product, a batch and a day to roll back, got {len(given)}")

    @property
    def text(self) -> str:
        """The scope in words."""
        if self.sku is not None:
            return f"sku {self.sku}"
        return f"batch {self.batch}" if self.batch is not None else f"day {self.day}"


def roll_back(
    place: StorePlace,
    scope: RollbackScope,
    target: PriceTarget,
    caller: Caller,
    progress: Progress = Silence(),
) -> DeliveryResult:
    """Hand over the prices from before; a second call goes on, or finds nothing to do.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    scope : RollbackScope
        What is taken back.
    target : PriceTarget
        Where the prices go.
    caller : Caller
        Who does this; an approver or admin.
    progress : Progress
        Told how far it is.

    Returns
    -------
    DeliveryResult
        What went out, and what did not because the price was changed again since.

    Raises
    ------
    ConfigError
        If the same rollback is half done to another target.
    NotAllowedError
        If the caller is no approver.
    DeliveryError, OutputError, StoreError
        If the target or the store fails; the same call goes on.
    """
    check_approver(caller)
    with opened_store(place) as store:
        left_out: dict[str, str] = {}
        delivery = unfinished(store, "rollback", scope.text, target)
        if delivery is None:
            delivery, left_out = _begin(store, scope, target, caller)
        if delivery is None:
            return DeliveryResult(None, target.name, left_out=left_out)
        return deliver(store, delivery, target, caller.name, left_out, progress)


def give_up_rollback(place: StorePlace, scope: RollbackScope, caller: Caller) -> int:
    """Give up what did not arrive of a rollback; those prices stay in force. Return how many."""
    with opened_store(place) as store:
        return give_up(store, "rollback", scope.text, caller)


def _begin(
    store: Store, scope: RollbackScope, target: PriceTarget, caller: Caller
) -> tuple[int | None, dict[str, str]]:
    with store.writing() as session:
        by_sku: dict[str, list[PriceChange]] = defaultdict(list)
        for change in delivered_changes(session, **_bounds(scope)):
            by_sku[change.sku].append(change)
        if scope.sku is not None:
            by_sku = defaultdict(list, {sku: changes[-1:] for sku, changes in by_sku.items()})
        standing = standing_changes(session, list(by_sku))
        on_their_way = skus_on_their_way(session, list(by_sku))
        left_out: dict[str, str] = {}
        undone: dict[str, list[PriceChange]] = {}
        for sku, changes in by_sku.items():
            if sku in on_their_way:
                left_out[sku] = "another change of its price is on its way"
            elif standing[sku] != changes[-1].change:
                left_out[sku] = f"change {standing[sku]} set its price again since: take that back first"
            else:
                undone[sku] = _linked(changes)
        if not undone:
            return None, left_out
        delivery = add_delivery(session, "rollback", scope.text, target.name, caller.name)
        add_changes(session, delivery, "rollback", _changes(undone))
        mark_undone(
            session, change_numbers(session, delivery), [one for run in undone.values() for one in run]
        )
    return delivery, left_out


def _bounds(scope: RollbackScope) -> dict[str, Any]:
    if scope.day is None:
        return {"batch": scope.batch, "sku": scope.sku}
    start = datetime.combine(scope.day, time()).astimezone()
    return {"since": start, "until": datetime.combine(scope.day + timedelta(days=1), time()).astimezone()}


def _linked(changes: list[PriceChange]) -> list[PriceChange]:
    """Return the newest changes that each start from the price that the one before led to."""
    run = [changes[-1]]
    for change in reversed(changes[:-1]):
        if change.new_price != run[0].old_price:
            break
        run.insert(0, change)
    return run


def _changes(undone: dict[str, list[PriceChange]]) -> Iterator[dict[str, Any]]:
    for sku, run in undone.items():
        first, last = run[0], run[-1]
        said = "|".join(["rollback", *(one.key for one in run)])
        yield {
            "key": hashlib.sha256(said.encode()).hexdigest(),
            "batch": last.batch,
            "recommendation": last.recommendation,
            "sku": sku,
            "old_price": last.new_price,
            "new_price": first.old_price,
            "currency": last.currency,
        }
