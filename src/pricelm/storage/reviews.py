"""Review items: listings that a person should look at, and the labels that people gave."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Amount, Base, UtcTime, chunked, utc_now


class ReviewItem(Base):
    """One listing to look at. ``state`` is ``open``, ``labeled`` or ``dismissed``."""

    __tablename__ = "review_items"
    __table_args__ = (Index("ix_review_items_state_item", "state", "item"),)

    item: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    kind: Mapped[str] = mapped_column(String(24))
    listing_id: Mapped[str] = mapped_column(String(200))
    document: Mapped[str] = mapped_column(ForeignKey("documents.sha256"))
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    label: Mapped[Decimal | None] = mapped_column(Amount)
    reviewer: Mapped[str] = mapped_column(String(120))
    reviewed: Mapped[datetime | None] = mapped_column(UtcTime)


def add_review_items(session: Session, items: Iterable[dict[str, Any]]) -> int:
    """Add items (kind, listing_id, document, reason) and return how many."""
    new = {"at": utc_now(), "state": "open", "label": None, "reviewer": "", "reviewed": None}
    count = 0
    for chunk in chunked(items):
        session.execute(insert(ReviewItem), [one | new for one in chunk])
        count += len(chunk)
    return count


def review_items(session: Session, state: str = "open", limit: int = 100) -> list[ReviewItem]:
    """Return items in a state, oldest first."""
    query = select(ReviewItem).where(ReviewItem.state == state).order_by(ReviewItem.item).limit(limit)
    return list(session.scalars(query))


def get_review_item(session: Session, item: int) -> ReviewItem | None:
    """Return one item, held until the session ends, or None."""
    return session.get(ReviewItem, item, with_for_update=True)
