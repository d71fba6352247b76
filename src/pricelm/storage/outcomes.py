"""Outcomes: how far each live version was off on listings whose price became known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Boolean, Float, ForeignKey, Integer, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from pricelm.storage.base import Base, UtcTime, utc_now
from pricelm.storage.database import Store


class Outcome(Base):
    """One known price against one version's quote of the same listing."""

    __tablename__ = "outcomes"
    __table_args__ = (UniqueConstraint("outcome", "version"),)

    row: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    outcome: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(ForeignKey("model_versions.version"), index=True)
    log_error: Mapped[float] = mapped_column(Float)
    covered: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[datetime] = mapped_column(UtcTime)


def insert_outcomes(store: Store, measured: Iterable[tuple[str, int, float, bool]]) -> None:
    """Store (outcome, version, log error, covered) rows."""
    now = utc_now()
    with store.writing() as session:
        session.add_all(
            Outcome(outcome=outcome, version=version, log_error=error, covered=covered, at=now)
            for outcome, version, error, covered in measured
        )


def paired_outcomes(
    store: Store, version: int, against: int, *, limit: int
) -> list[tuple[float, float, bool, bool]]:
    """Return the log errors and coverages of two versions on the same listings, oldest first.

    Parameters
    ----------
    store : Store
        The store.
    version, against : int
        Two versions.
    limit : int
        Most pairs.

    Returns
    -------
    list of tuple
        Error of ``version``, error of ``against``, and whether the interval of each held the price.
    """
    mine, other = aliased(Outcome), aliased(Outcome)
    query = (
        select(mine.log_error, other.log_error, mine.covered, other.covered)
        .join(other, other.outcome == mine.outcome)
        .where(mine.version == version, other.version == against)
        .order_by(mine.row)
        .limit(limit)
    )
    with store.reading() as session:
        return [(float(a), float(b), bool(c), bool(d)) for a, b, c, d in session.execute(query)]


def forget_outcomes(store: Store, version: int) -> None:
    """Drop a version's outcomes, so that its next trial starts from nothing."""
    with store.writing() as session:
        session.execute(delete(Outcome).where(Outcome.version == version))
