"""Quotes: what was answered about which listing by which version."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Amount, Base, UtcTime, chunked, utc_now
from pricelm.storage.documents import Document
from pricelm.storage.reviews import ReviewItem

_PRUNED_AT_ONCE = 10_000


class QuoteRow(Base):
    """One answer, with the listing as it was asked about."""

    __tablename__ = "quotes"
    __table_args__ = (Index("ix_quotes_listing_id_at", "listing_id", "at"),)

    quote: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    actor: Mapped[str] = mapped_column(String(120))
    model_version: Mapped[int | None] = mapped_column(ForeignKey("model_versions.version"))
    listing_id: Mapped[str] = mapped_column(String(200))
    document: Mapped[str] = mapped_column(ForeignKey("documents.sha256"), index=True)
    predicted_price: Mapped[Decimal] = mapped_column(Amount)
    price_lower: Mapped[Decimal] = mapped_column(Amount)
    price_upper: Mapped[Decimal] = mapped_column(Amount)
    confidence_level: Mapped[float] = mapped_column(Float)
    currency: Mapped[str] = mapped_column(String(3))
    abstained: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str] = mapped_column(Text)


def add_quotes(session: Session, quotes: Iterable[dict[str, Any]]) -> int:
    """Add quotes and return how many."""
    now, count = utc_now(), 0
    for chunk in chunked(quotes):
        session.execute(insert(QuoteRow), [{**one, "at": now} for one in chunk])
        count += len(chunk)
    return count


def latest_quotes(session: Session, limit: int = 100, listing_id: str | None = None) -> list[QuoteRow]:
    """Return the newest quotes, newest first."""
    query = select(QuoteRow).order_by(QuoteRow.quote.desc()).limit(limit)
    if listing_id is not None:
        query = query.where(QuoteRow.listing_id == listing_id)
    return list(session.scalars(query))


def prune_quotes(session: Session, before: datetime) -> int:
    """Delete at most 10,000 of the oldest quotes from before a moment and return how many."""
    oldest = select(QuoteRow.quote).where(QuoteRow.at < before).order_by(QuoteRow.quote)
    found = list(session.scalars(oldest.limit(_PRUNED_AT_ONCE)))
    for chunk in chunked(found):
        session.execute(delete(QuoteRow).where(QuoteRow.quote.in_(chunk)))
    return len(found)


def prune_listing_documents(session: Session, before: datetime) -> int:
    """Delete listings from before a moment that no quote and no review item refers to; return how many."""
    is_quoted = select(QuoteRow.quote).where(QuoteRow.document == Document.sha256).exists()
    is_reviewed = select(ReviewItem.item).where(ReviewItem.document == Document.sha256).exists()
    unused = delete(Document).where(
        Document.kind == "listing", Document.created < before, ~is_quoted, ~is_reviewed
    )
    return int(session.execute(unused).rowcount)  # type: ignore[attr-defined]
