"""What waits in the store, as few cheap counts, for the metrics of the service."""

from __future__ import annotations

from dataclasses import dataclass

from pricelm.services.console_sessions import IDLE
from pricelm.storage.base import utc_now
from pricelm.storage.database import Store
from pricelm.storage.open_work import count_open_items, count_sessions, unfinished_deliveries
from pricelm.storage.prices import count_pending


@dataclass(frozen=True)
class OpenWork:
    """What waits.

    Parameters
    ----------
    sessions : int
        People logged in to the console.
    deliveries : int
        Deliveries of prices that were begun and not finished: they are running, or were interrupted.
    delivery_seconds : float
        Age of the oldest of them; 0 where there is none.
    prices_on_their_way : int
        Prices in them that have not arrived.
    review_items : int
        Listings that wait for a look.
    """

    sessions: int
    deliveries: int
    delivery_seconds: float
    prices_on_their_way: int
    review_items: int


def read_open_work(store: Store) -> OpenWork:
    """Count what waits.

    Examples
    --------
    >>> from pricelm.storage.database import open_store
    >>> read_open_work(open_store("sqlite://"))
    OpenWork(sessions=0, deliveries=0, delivery_seconds=0.0, prices_on_their_way=0, review_items=0)
    """
    now = utc_now()
    with store.reading() as session:
        deliveries, oldest = unfinished_deliveries(session)
        return OpenWork(
            count_sessions(session, now, now - IDLE),
            deliveries,
            (now - oldest).total_seconds() if oldest else 0.0,
            count_pending(session),
            count_open_items(session),
        )
