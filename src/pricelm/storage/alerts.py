"""Alerts: what the watch found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, String, Text, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Base, JsonText, UtcTime, chunked, utc_now


class AlertRow(Base):
    """One alert. ``state`` is ``open``, ``acknowledged`` or ``closed``."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_state_alert", "state", "alert"),
        Index("ix_alerts_sku_alert", "sku", "alert"),
    )

    alert: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    kind: Mapped[str] = mapped_column(String(40))
    severity: Mapped[str] = mapped_column(String(16))
    sku: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(Text)
    details: Mapped[Any] = mapped_column(JsonText)
    state: Mapped[str] = mapped_column(String(16))
    handled_by: Mapped[str] = mapped_column(String(120))
    handled: Mapped[datetime | None] = mapped_column(UtcTime)


def add_alerts(session: Session, alerts: Iterable[dict[str, Any]]) -> int:
    """Add alerts (kind, severity, sku, message, details) and return how many."""
    new = {"at": utc_now(), "state": "open", "handled_by": "", "handled": None}
    count = 0
    for chunk in chunked(alerts):
        session.execute(insert(AlertRow), [one | new for one in chunk])
        count += len(chunk)
    return count


def alerts_in_state(session: Session, state: str = "open", limit: int = 100) -> list[AlertRow]:
    """Return alerts in a state, newest first."""
    query = select(AlertRow).where(AlertRow.state == state).order_by(AlertRow.alert.desc()).limit(limit)
    return list(session.scalars(query))


def get_alert(session: Session, alert: int) -> AlertRow | None:
    """Return one alert, held until the session ends, or None."""
    return session.get(AlertRow, alert, with_for_update=True)
