"""What waits in a store, counted for whoever watches the service."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pricelm.storage.prices import Delivery
from pricelm.storage.reviews import ReviewItem
from pricelm.storage.sessions import ConsoleSession


def count_sessions(session: Session, now: datetime, seen_since: datetime) -> int:
    """Return how many sessions of the console are neither over nor idle."""
    alive = ConsoleSession.ends > now, ConsoleSession.seen > seen_since
    return session.scalar(select(func.count()).select_from(ConsoleSession).where(*alive)) or 0


def count_open_items(session: Session) -> int:
    """Return how many listings wait for a look."""
    return session.scalar(select(func.count()).where(ReviewItem.state == "open")) or 0


def unfinished_deliveries(session: Session) -> tuple[int, datetime | None]:
    """Return how many deliveries are unfinished, and when the oldest of them was begun."""
    query = select(func.count(), func.min(Delivery.created)).where(Delivery.state == "pending")
    count, oldest = session.execute(query).one()
    return count, oldest
