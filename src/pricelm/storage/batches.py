"""Batches: the plans that were made, what each recommends, and what people decided about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Amount, Base, JsonText, UtcTime, chunked, utc_now


class Batch(Base):
    """One plan: recommendations that were made together, from one snapshot of everything that went in."""

    __tablename__ = "batches"

    batch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(24))
    created: Mapped[datetime] = mapped_column(UtcTime, index=True)
    actor: Mapped[str] = mapped_column(String(120))
    snapshot: Mapped[str] = mapped_column(ForeignKey("documents.sha256"))
    rules: Mapped[str | None] = mapped_column(ForeignKey("documents.sha256"))
    model_version: Mapped[int | None] = mapped_column(ForeignKey("model_versions.version"))
    currency: Mapped[str] = mapped_column(String(3))
    recommendations: Mapped[int] = mapped_column(Integer)
    totals: Mapped[Any] = mapped_column(JsonText)
    note: Mapped[str] = mapped_column(Text)


class RecommendationRow(Base):
    """One proposed price and where it stands.

    ``state`` is ``open``, ``approved``, ``rejected``, ``applying``, ``applied``, ``stale`` (the price in
    force was another one when it was to be applied) or ``rolled back``.
    """

    __tablename__ = "recommendations"
    __table_args__ = (
        UniqueConstraint("batch", "sku"),
        Index("ix_recommendations_state_batch", "state", "batch"),
        Index("ix_recommendations_sku_recommendation", "sku", "recommendation"),
    )

    recommendation: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    batch: Mapped[int] = mapped_column(ForeignKey("batches.batch"))
    sku: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(16))
    current_price: Mapped[Decimal] = mapped_column(Amount)
    proposed_price: Mapped[Decimal] = mapped_column(Amount)
    price_low: Mapped[Decimal] = mapped_column(Amount)
    price_high: Mapped[Decimal] = mapped_column(Amount)
    units: Mapped[float | None] = mapped_column(Float)
    revenue: Mapped[float | None] = mapped_column(Float)
    margin: Mapped[float | None] = mapped_column(Float)
    gain: Mapped[float | None] = mapped_column(Float)
    currency: Mapped[str] = mapped_column(String(3))
    verdicts: Mapped[Any] = mapped_column(JsonText)
    rationale: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    decided_price: Mapped[Decimal | None] = mapped_column(Amount)
    edited_by: Mapped[str] = mapped_column(String(120))


class Approval(Base):
    """What somebody decided about a recommendation. Rows are only ever added."""

    __tablename__ = "approvals"

    approval: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    recommendation: Mapped[int] = mapped_column(ForeignKey("recommendations.recommendation"), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String(120))
    decision: Mapped[str] = mapped_column(String(16))
    price: Mapped[Decimal | None] = mapped_column(Amount)
    reason: Mapped[str] = mapped_column(Text)


def add_batch(session: Session, batch: Batch, rows: Iterable[dict[str, Any]]) -> int:
    """Add a plan with its recommendations and return its number."""
    session.add(batch)
    session.flush()
    for chunk in chunked(rows):
        state = {"batch": batch.batch, "state": "open", "decided_price": None, "edited_by": ""}
        session.execute(insert(RecommendationRow), [row | state for row in chunk])
    return batch.batch


def get_batch(session: Session, batch: int) -> Batch | None:
    """Return a plan, or None."""
    return session.get(Batch, batch)


def latest_batches(session: Session, limit: int = 50) -> list[Batch]:
    """Return the newest plans, newest first."""
    return list(session.scalars(select(Batch).order_by(Batch.batch.desc()).limit(limit)))


def count_states(session: Session, batches: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return how many recommendations of each plan are in which state."""
    found: dict[int, dict[str, int]] = {batch: {} for batch in batches}
    row = RecommendationRow
    query = (
        select(row.batch, row.state, func.count())
        .where(row.batch.in_(batches))
        .group_by(row.batch, row.state)
    )
    for batch, state, count in session.execute(query):
        found[batch][state] = count
    return found


def get_recommendation(session: Session, recommendation: int) -> RecommendationRow | None:
    """Return one recommendation, or None."""
    return session.get(RecommendationRow, recommendation)


def recommendations_of(
    session: Session,
    batch: int,
    *,
    state: str | None = None,
    skus: Sequence[str] | None = None,
    limit: int | None = None,
    lock: bool = False,
) -> list[RecommendationRow]:
    """Return the recommendations of a plan in the order of its table.

    Parameters
    ----------
    session : sqlalchemy.orm.Session
        A session.
    batch : int
        The plan.
    state : str, optional
        Only those in this state.
    skus : sequence of str, optional
        Only those of these products.
    limit : int, optional
        Most rows.
    lock : bool, default False
        Whether other sessions have to wait with changing them.
    """
    row = RecommendationRow
    query = select(row).where(row.batch == batch).order_by(row.recommendation)
    if state is not None:
        query = query.where(row.state == state)
    if limit is not None:
        query = query.limit(limit)
    if lock:
        query = query.with_for_update()
    if skus is None:
        return list(session.scalars(query))
    found = [one for chunk in chunked(skus) for one in session.scalars(query.where(row.sku.in_(chunk)))]
    return sorted(found, key=lambda one: one.recommendation)


def decide(
    session: Session, rows: Sequence[RecommendationRow], actor: str, decision: str, reason: str
) -> None:
    """Write down what was decided about recommendations whose rows were changed just now."""
    session.flush()
    at = utc_now()
    for chunk in chunked(rows):
        session.execute(
            insert(Approval),
            [
                {
                    "recommendation": one.recommendation,
                    "at": at,
                    "actor": actor[:120],
                    "decision": decision,
                    "price": one.decided_price,
                    "reason": reason,
                }
                for one in chunk
            ],
        )


def approvals_of(session: Session, recommendation: int) -> list[Approval]:
    """Return what was decided about a recommendation, oldest first."""
    query = select(Approval).where(Approval.recommendation == recommendation).order_by(Approval.approval)
    return list(session.scalars(query))


def set_states(session: Session, recommendations: Iterable[int], state: str) -> None:
    """Give recommendations another state."""
    for chunk in chunked(recommendations):
        session.execute(
            update(RecommendationRow)
            .where(RecommendationRow.recommendation.in_(chunk))
            .values(state=state)
            .execution_options(synchronize_session=False)
        )
