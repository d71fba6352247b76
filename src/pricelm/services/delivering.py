"""Delivering: prices on their way are handed over, marked, and put in force, each exactly once.

What is to go out is written into the store before anything goes. Then, a chunk at a time, prices are handed
over and marked in one transaction with the audit log. A process that is killed in between leaves a chunk that
was handed over and not marked; it is handed over again with the same keys, which the target has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pricelm.core.errors import ConfigError, NotAllowedError
from pricelm.core.protocols import Progress, Silence
from pricelm.services.price_targets import PriceTarget
from pricelm.services.service_keys import Caller, Role
from pricelm.storage.audit import write_audit
from pricelm.storage.batches import set_states
from pricelm.storage.database import Store
from pricelm.storage.prices import (
    Delivery,
    OutgoingPrice,
    abandon_pending,
    clear_undone,
    finish_delivery,
    mark_delivered,
    outgoing,
    pending_delivery,
)

_AT_ONCE = 500
_STATES = {"apply": "applied", "rollback": "rolled back"}


@dataclass(frozen=True)
class DeliveryResult:
    """What went out.

    Parameters
    ----------
    delivery : int or None
        Its number; None where there was nothing to do.
    target : str
        Where to.
    handed_over : int
        Prices that went out now.
    before : int
        Prices of the same delivery that had gone out before it was interrupted.
    left_out : dict of str to str
        Products whose price did not go out, and why.
    """

    delivery: int | None
    target: str
    handed_over: int = 0
    before: int = 0
    left_out: dict[str, str] = field(default_factory=dict)


def deliver(
    store: Store,
    delivery: int,
    target: PriceTarget,
    actor: str,
    left_out: dict[str, str] | None = None,
    progress: Progress = Silence(),
) -> DeliveryResult:
    """Hand over what is still pending of a delivery, and close it.

    Parameters
    ----------
    store : Store
        The store.
    delivery : int
        Its number.
    target : PriceTarget
        Where to; the one that the delivery was begun with.
    actor : str
        Who does this.
    left_out : dict of str to str, optional
        Passed on into the result.
    progress : Progress
        Told how far it is.

    Returns
    -------
    DeliveryResult
        What went out.

    Raises
    ------
    DeliveryError, OutputError, StoreError
        If the target or the store fails; what went out is marked, and the same call goes on.
    """
    with store.reading() as session:
        everything = outgoing(session, delivery, pending=False)
        waiting = outgoing(session, delivery, pending=True)
    progress.start(f"handing over to {target.name}", len(waiting))
    with target:
        target.begin(everything)
        rest: Sequence[OutgoingPrice] = waiting
        while rest:
            taken = target.hand_over(rest[:_AT_ONCE])
            _mark(store, delivery, rest[:taken], target.name, actor)
            progress.advance(taken)
            rest = rest[taken:]
    with store.writing() as session:
        finish_delivery(session, delivery)
    before = len(everything) - len(waiting)
    return DeliveryResult(delivery, target.name, len(waiting), before, left_out or {})


def unfinished(store: Store, kind: str, scope: str, target: PriceTarget) -> int | None:
    """Return the delivery of this kind and scope that was interrupted, or None.

    Raises
    ------
    ConfigError
        If it goes to another target.
    """
    with store.reading() as session:
        row = pending_delivery(session, kind, scope)
    if row is None:
        return None
    if row.target != target.name:
        raise ConfigError(
            f"expected the target {row.target}, to which {scope} was on its way when it was interrupted, got "
            f"{target.name}: go on there first, or give it up"
        )
    return row.delivery


def give_up(store: Store, kind: str, scope: str, caller: Caller) -> int:
    """Give up what did not arrive of an interrupted delivery, and return how many prices that were.

    Raises
    ------
    ConfigError
        If there is no such delivery.
    NotAllowedError
        If the caller is no approver.
    """
    check_approver(caller)
    with store.writing() as session:
        row: Delivery | None = pending_delivery(session, kind, scope)
        if row is None:
            raise ConfigError(
                f"expected an interrupted {kind} of {scope}, found none: there is nothing to give up"
            )
        recommendations, count = abandon_pending(session, row.delivery)
        if kind == "apply":
            set_states(session, recommendations, "approved")
        else:
            clear_undone(session, row.delivery)
        finish_delivery(session, row.delivery)
        write_audit(
            session, caller.name, f"give up {kind}", scope, {"delivery": row.delivery, "prices": count}
        )
        return count


def check_approver(caller: Caller) -> None:
    """Refuse a caller who may not move prices.

    Raises
    ------
    NotAllowedError
        If the caller is neither approver nor admin.
    """
    if caller.role < Role.approver:
        raise NotAllowedError(
            f"expected an approver, and {caller.name} is {caller.role.name}: ask an approver"
        )


def _mark(store: Store, delivery: int, prices: Sequence[OutgoingPrice], target: str, actor: str) -> None:
    with store.writing() as session:
        marked = mark_delivered(session, [one.change for one in prices])
        if not marked:
            return
        kind = marked[0].kind
        set_states(session, [one.recommendation for one in marked if one.recommendation], _STATES[kind])
        changes = [[one.change, one.sku, str(one.old_price), str(one.new_price)] for one in marked]
        batches = sorted({one.batch for one in marked if one.batch is not None})
        subject = f"batch {batches[0]}" if len(batches) == 1 else f"delivery {delivery}"
        write_audit(
            session, actor, kind, subject, {"delivery": delivery, "target": target, "changes": changes}
        )
