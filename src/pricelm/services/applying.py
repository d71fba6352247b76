"""Applying: approved prices of a plan go out, and those whose starting point has moved stay."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from pricelm.core.protocols import Progress, Silence
from pricelm.services.approving import unknown_batch
from pricelm.services.delivering import DeliveryResult, check_approver, deliver, give_up, unfinished
from pricelm.services.price_targets import PriceTarget
from pricelm.services.service_keys import Caller
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.audit import write_audit
from pricelm.storage.batches import Batch, RecommendationRow, get_batch, recommendations_of, set_states
from pricelm.storage.database import Store
from pricelm.storage.prices import add_changes, add_delivery, prices_in_force, skus_on_their_way


def apply_batch(
    place: StorePlace, batch: int, target: PriceTarget, caller: Caller, progress: Progress = Silence()
) -> DeliveryResult:
    """Hand over the approved prices of a plan; a second call goes on, or finds nothing to do.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    batch : int
        The plan.
    target : PriceTarget
        Where to.
    caller : Caller
        Who does this; an approver or admin.
    progress : Progress
        Told how far it is.

    Returns
    -------
    DeliveryResult
        What went out, and what did not because the price in force is another one than the plan started from,
        or because another change of the product is on its way.

    Raises
    ------
    ConfigError
        If there is no such plan, or it is half applied to another target.
    NotAllowedError
        If the caller is no approver.
    DeliveryError, OutputError, StoreError
        If the target or the store fails; the same call goes on.
    """
    check_approver(caller)
    with opened_store(place) as store:
        left_out: dict[str, str] = {}
        delivery = unfinished(store, "apply", _scope(batch), target)
        if delivery is None:
            delivery, left_out = _begin(store, batch, target, caller)
        if delivery is None:
            return DeliveryResult(None, target.name, left_out=left_out)
        return deliver(store, delivery, target, caller.name, left_out, progress)


def give_up_apply(place: StorePlace, batch: int, caller: Caller) -> int:
    """Give up the prices of a plan that did not arrive, and return how many; they stay approved.

    A target that took some of the last ones without the store knowing has them nevertheless; handed over
    again they keep their keys.
    """
    with opened_store(place) as store:
        return give_up(store, "apply", _scope(batch), caller)


def _scope(batch: int) -> str:
    return f"batch {batch}"


def _begin(
    store: Store, number: int, target: PriceTarget, caller: Caller
) -> tuple[int | None, dict[str, str]]:
    """Write down what is to go out, in one transaction, before anything goes."""
    with store.writing() as session:
        batch = get_batch(session, number)
        if batch is None:
            raise unknown_batch(number)
        rows = recommendations_of(session, number, state="approved", lock=True)
        skus = [row.sku for row in rows]
        in_force = prices_in_force(session, skus)
        on_their_way = skus_on_their_way(session, skus)
        left_out: dict[str, str] = {}
        stale, going = [], []
        for row in rows:
            now = in_force.get(row.sku)
            if row.sku in on_their_way:
                left_out[row.sku] = "another change of its price is on its way"
            elif now is not None and now.price != row.current_price:
                left_out[row.sku] = f"its price is {now.price:.2f} by now, and the plan started from another"
                stale.append(row.recommendation)
            else:
                going.append(row)
        set_states(session, stale, "stale")
        if stale:
            write_audit(session, caller.name, "stale", _scope(number), {"recommendations": stale})
        if not going:
            return None, left_out
        delivery = add_delivery(session, "apply", _scope(number), target.name, caller.name)
        add_changes(session, delivery, "apply", _changes(batch, going))
        set_states(session, [row.recommendation for row in going], "applying")
    return delivery, left_out


def _changes(batch: Batch, rows: Sequence[RecommendationRow]) -> Iterator[dict[str, Any]]:
    for row in rows:
        price = row.proposed_price if row.decided_price is None else row.decided_price
        # of what the decision is, not of its number, which a restored store may give away again
        said = f"apply|{batch.created.isoformat()}|{batch.snapshot}|{row.sku}|{price}"
        yield {
            "key": hashlib.sha256(said.encode("utf-8", errors="surrogatepass")).hexdigest(),
            "batch": batch.batch,
            "recommendation": row.recommendation,
            "sku": row.sku,
            "old_price": row.current_price,
            "new_price": price,
            "currency": row.currency,
        }
