"""The alert log: what the watch found, and who dealt with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pricelm.core.errors import ConfigError
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.alerts import AlertRow, add_alerts, alerts_in_state, get_alert
from pricelm.storage.audit import write_audit
from pricelm.storage.base import utc_now

SEVERITIES = ("info", "warning", "critical")
_NEXT = {"open": ("acknowledged", "closed"), "acknowledged": ("closed",), "closed": ()}


@dataclass(frozen=True)
class Alert:
    """Something that was found.

    Parameters
    ----------
    kind : str
        For example ``"price jump"``.
    severity : {"info", "warning", "critical"}
        How urgent it is.
    message : str
        What, in words.
    sku : str, default ""
        The product.
    details : dict
        What belongs to it, JSON-ready.
    """

    kind: str
    severity: str
    message: str
    sku: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AlertRecord:
    """An alert in the store: its number, when, what, where it stands, and who dealt with it."""

    number: int
    at: datetime
    alert: Alert
    state: str
    handled_by: str


def record_alerts(place: StorePlace, alerts: Iterable[Alert]) -> int:
    """Write alerts down and return how many.

    Raises
    ------
    ConfigError
        If a severity is none.
    """
    rows = []
    for one in alerts:
        if one.severity not in SEVERITIES:
            raise ConfigError(f"expected a severity of {', '.join(SEVERITIES)}, got {one.severity!r}")
        rows.append({**vars(one), "kind": one.kind[:40], "sku": one.sku[:200]})
    with opened_store(place) as store, store.writing() as session:
        return add_alerts(session, rows)


def recorded_alerts(place: StorePlace, state: str = "open", limit: int = 100) -> list[AlertRecord]:
    """Return alerts in the state open, acknowledged or closed, newest first."""
    with opened_store(place) as store, store.reading() as session:
        return [_record(row) for row in alerts_in_state(session, state, limit)]


def handle_alert(place: StorePlace, number: int, state: str, actor: str) -> None:
    """Acknowledge or close an alert.

    Raises
    ------
    ConfigError
        If there is no such alert, or it cannot go to that state.
    """
    with opened_store(place) as store, store.writing() as session:
        row = get_alert(session, number)
        if row is None:
            raise ConfigError(f"expected the number of an alert, got {number}")
        if state not in _NEXT[row.state]:
            raise ConfigError(f"expected one of {_NEXT[row.state] or 'nothing more'}, got {state!r}")
        row.state, row.handled_by, row.handled = state, actor[:120], utc_now()
        write_audit(session, actor, state, f"alert {number}", {"sku": row.sku, "kind": row.kind})


def _record(row: AlertRow) -> AlertRecord:
    alert = Alert(row.kind, row.severity, row.message, row.sku, row.details)
    return AlertRecord(row.alert, row.at, alert, row.state, row.handled_by)
