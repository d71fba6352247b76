"""The outbox: where the console hands prices over, and under which name."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

from pricelm.core.errors import ConfigError
from pricelm.services.applying import apply_batch
from pricelm.services.delivering import DeliveryResult
from pricelm.services.price_targets import PriceTarget, open_target
from pricelm.services.rolling_back import RollbackScope, roll_back
from pricelm.services.service_keys import Caller
from pricelm.services.store_admin import opened_store
from pricelm.storage.prices import pending_delivery

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


def apply_to_outbox(store_url: str, place: str | None, batch: int, caller: Caller) -> DeliveryResult:
    """Hand over the approved prices of a plan; see `pricelm.services.applying.apply_batch`.

    Parameters
    ----------
    store_url : str
        The store.
    place : str or None
        A folder, a webhook or a table, as `PRICELM_PRICE_TARGET` has it.
    batch : int
        The plan.
    caller : Caller
        Who does this.

    Raises
    ------
    ConfigError
        If there is no place, or no such plan.
    """
    return apply_batch(store_url, batch, outbox_target(store_url, place, "apply", f"batch {batch}"), caller)


def roll_back_to_outbox(
    store_url: str, place: str | None, scope: RollbackScope, caller: Caller
) -> DeliveryResult:
    """Hand over the prices from before; see `apply_to_outbox`."""
    return roll_back(store_url, scope, outbox_target(store_url, place, "rollback", scope.text), caller)


def outbox_target(store_url: str, place: str | None, kind: str, scope: str) -> PriceTarget:
    """Return where prices of a delivery go: in a folder each delivery is a file of its own.

    A delivery that was interrupted goes on into the file that it was begun with.
    """
    if not place:
        raise ConfigError(
            "expected a place to hand prices over to, and none is set: start the service with "
            "PRICELM_PRICE_TARGET, a folder, a webhook or a table"
        )
    if "://" in place:
        return open_target(place)
    folder = Path(place)
    if not folder.is_dir():
        raise ConfigError(f"expected a folder at PRICELM_PRICE_TARGET, found none at {folder}: make it first")
    with opened_store(store_url) as store, store.reading() as session:
        begun = pending_delivery(session, kind, scope)
    if begun is not None:
        return open_target(begun.target)
    stem = _NOT_IN_NAMES.sub("-", scope).strip("-")[:80]
    names = (f"{kind}-{stem}{f'-{number}' if number > 1 else ''}.csv" for number in count(1))
    return open_target(str(next(folder / name for name in names if not (folder / name).exists())))
