"""Quotes: what was answered about which listing by which version."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Amount, Base, UtcTime, chunked, utc_now


class QuoteRow(Base):
    """One answer, with the listing as it was asked about."""

    __tablename__ = "quotes"
    __table_args__ = (Index("ix_quotes_listing_id_at", "listing_id", "at"),)

    quote: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    actor: Mapped[str] = mapped_column(String(120))
    model_version: Mapped[int | None] = mapped_column(ForeignKey("model_versions.version"))
    listing_id: Mapped[str] = mapped_column(String(200))
    document: Mapped[str] = mapped_column(ForeignKey("documents.sha256"))
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
