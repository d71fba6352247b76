"""Review items: listings that a person should look at, and the labels that people gave."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Amount, Base, UtcTime, chunked, upserting, utc_now


class ReviewItem(Base):
    """One listing to look at. ``state`` is ``open``, ``labeled`` or ``dismissed``.

    The fingerprint is of what is written; items from before there were fingerprints have none.
    """

    __tablename__ = "review_items"
    __table_args__ = (Index("ix_review_items_state_item", "state", "item"),)

    item: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    kind: Mapped[str] = mapped_column(String(24))
    listing_id: Mapped[str] = mapped_column(String(200))
    document: Mapped[str] = mapped_column(ForeignKey("documents.sha256"), index=True)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    label: Mapped[Decimal | None] = mapped_column(Amount)
    reviewer: Mapped[str] = mapped_column(String(120))
    reviewed: Mapped[datetime | None] = mapped_column(UtcTime)
    fingerprint: Mapped[str | None] = mapped_column(String(64), index=True, unique=True)


def known_fingerprints(session: Session, fingerprints: Iterable[str]) -> set[str]:
    """Return those among some fingerprints that have an item in any state."""
    found: set[str] = set()
    for chunk in chunked(dict.fromkeys(fingerprints)):
        query = select(ReviewItem.fingerprint).where(ReviewItem.fingerprint.in_(chunk))
        found.update(str(one) for one in session.scalars(query))
    return found


def add_review_items(session: Session, items: Iterable[dict[str, Any]]) -> int:
    """Add items (kind, listing_id, document, reason, fingerprint) and return how many.

    One whose fingerprint another process has just added is left out.
    """
    new = {"at": utc_now(), "state": "open", "label": None, "reviewer": "", "reviewed": None}
    adding = upserting(session, ReviewItem).on_conflict_do_nothing(index_elements=["fingerprint"])
    count = 0
    for chunk in chunked(items):
        session.execute(adding, [one | new for one in chunk])
        count += len(chunk)
    return count


def count_items_since(session: Session, moment: datetime) -> int:
    """Return how many items came in since a moment."""
    query = select(func.count()).select_from(ReviewItem).where(ReviewItem.at >= moment)
    return int(session.scalar(query) or 0)


def count_items(session: Session, state: str) -> dict[str, int]:
    """Return the number of items in a state by kind."""
    query = select(ReviewItem.kind, func.count()).where(ReviewItem.state == state).group_by(ReviewItem.kind)
    return {str(kind): int(count) for kind, count in session.execute(query)}


def review_items(
    session: Session, state: str = "open", limit: int = 100, *, kind: str = "", offset: int = 0
) -> list[ReviewItem]:
    """Return items in a state, of a kind if one is named, oldest first."""
    query = select(ReviewItem).where(ReviewItem.state == state).order_by(ReviewItem.item)
    if kind:
        query = query.where(ReviewItem.kind == kind)
    return list(session.scalars(query.limit(limit).offset(offset)))


def labeled_items(session: Session) -> list[ReviewItem]:
    """Return all items with a label, the newest label last."""
    query = select(ReviewItem).where(ReviewItem.state == "labeled")
    return list(session.scalars(query.order_by(ReviewItem.reviewed, ReviewItem.item)))


def get_review_item(session: Session, item: int) -> ReviewItem | None:
    """Return one item, held until the session ends, or None."""
    return session.get(ReviewItem, item, with_for_update=True)
