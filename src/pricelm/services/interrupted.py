"""Deliveries that are not finished: how far each is, and going on with one that was interrupted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pricelm.core.errors import ConfigError
from pricelm.services.delivering import DeliveryResult, check_approver, deliver
from pricelm.services.price_targets import PriceTarget, open_target
from pricelm.services.service_keys import Caller
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.prices import all_pending_deliveries, count_delivered, get_delivery


@dataclass(frozen=True)
class OpenDelivery:
    """A delivery that is on its way, or was interrupted.

    Parameters
    ----------
    delivery : int
        Its number.
    kind : {"apply", "rollback"}
        Whether prices go out or back.
    scope : str
        What goes, for example ``"batch 7"``.
    target : str
        Where to, without a password.
    actor : str
        Who began it.
    begun : datetime.datetime
        When.
    sent, total : int
        Prices that have arrived, and all of them.
    """

    delivery: int
    kind: str
    scope: str
    target: str
    actor: str
    begun: datetime
    sent: int
    total: int


def open_deliveries(place: StorePlace) -> list[OpenDelivery]:
    """Return what is not finished, oldest first.

    Examples
    --------
    >>> open_deliveries("sqlite://")
    []
    """
    with opened_store(place) as store, store.reading() as session:
        return [
            OpenDelivery(
                row.delivery,
                row.kind,
                row.scope,
                row.target,
                row.actor,
                row.created,
                *count_delivered(session, row.delivery),
            )
            for row in all_pending_deliveries(session)
        ]


def go_on(place: StorePlace, delivery: int, price_target: str | None, caller: Caller) -> DeliveryResult:
    """Go on with a delivery where it was interrupted; prices that have arrived are not sent again.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    delivery : int
        Its number.
    price_target : str or None
        Where prices go now: it holds the password or query that the record of the delivery leaves out.
    caller : Caller
        Who does this; an approver or admin.

    Raises
    ------
    ConfigError
        If there is no such delivery, it is finished, or it goes to another target.
    NotAllowedError
        If the caller is no approver.
    DeliveryError, OutputError, StoreError
        If the target or the store fails; the same call goes on.
    """
    check_approver(caller)
    with opened_store(place) as store:
        with store.reading() as session:
            row = get_delivery(session, delivery)
            if row is None or row.state != "pending":
                raise ConfigError(f"expected a delivery that is not finished, got {delivery}: look again")
            name, scope = row.target, row.scope
        target = _same_target(name, scope, price_target)
        return deliver(store, delivery, target, caller.name)


def _same_target(name: str, scope: str, price_target: str | None) -> PriceTarget:
    if "://" not in name:
        return open_target(name)
    target = open_target(price_target) if price_target and "://" in price_target else None
    if target is None or target.name != name:
        raise ConfigError(
            f"expected the target {name}, to which {scope} was on its way when it was interrupted: start the "
            "service with it as PRICELM_PRICE_TARGET, or give the delivery up with 'pricelm apply --give-up'"
        )
    return target
