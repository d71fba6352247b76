"""The audit log: rows that are only ever added, each with the hash of the one before."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, Text, event, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.core.errors import StoreError
from pricelm.storage.base import Base, UtcTime, canonical_json, utc_now

_LOG = logging.getLogger("pricelm.audit")
GENESIS = "0" * 64
_PAGE = 5_000


class AuditEntry(Base):
    """One thing that somebody did. The database itself refuses to change or delete it."""

    __tablename__ = "audit"

    entry: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String(120), index=True)
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(240), index=True)
    details: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))


class AuditAnchor(Base):
    """How long the log is and how it ends, so that entries cut off at the end are missed."""

    __tablename__ = "audit_anchor"

    anchor: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    entries: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))


@dataclass(frozen=True)
class LogEnd:
    """How long the log is, and the hash of its last entry."""

    entries: int
    sha256: str


def entry_hash(entry: AuditEntry) -> str:
    """Return what the hash of an entry has to be: over every field, and the hash before."""
    content = [
        entry.entry, entry.at.isoformat(), entry.actor, entry.action, entry.subject, entry.details,
        entry.previous,
    ]  # fmt: skip
    return hashlib.sha256(canonical_json(content).encode("utf-8", errors="surrogatepass")).hexdigest()


def write_audit(session: Session, actor: str, action: str, subject: str, details: Any = None) -> int:
    """Add an entry in the caller's transaction: what is done and that it was done are kept together.

    Parameters
    ----------
    session : sqlalchemy.orm.Session
        A writing session; entries of other sessions wait until it ends.
    actor, action, subject : str
        Who did what to which thing, for example ``"batch 7"``.
    details : optional
        Anything that JSON holds.

    Returns
    -------
    int
        Number of the entry, from 1.
    """
    session.flush()
    anchor = session.scalar(select(AuditAnchor).with_for_update())
    if anchor is None:
        raise StoreError("the audit log has no anchor: somebody removed it; restore a backup")
    row = AuditEntry(
        entry=anchor.entries + 1,
        at=utc_now(),
        actor=actor[:120],
        action=action,
        subject=subject[:240],
        details=canonical_json({} if details is None else details),
        previous=anchor.sha256,
        sha256="",
    )
    row.sha256 = entry_hash(row)
    session.add(row)
    anchor.entries, anchor.sha256 = row.entry, row.sha256
    session.flush()
    # told only once it is kept; the details, which may hold what people wrote, stay in the store
    told = {"caller": row.actor, "action": action, "subject": row.subject, "entry": row.entry}
    event.listen(session, "after_commit", lambda _: _LOG.info("audit", extra=told), once=True)
    return row.entry


def read_log_end(session: Session) -> LogEnd | None:
    """Return what the anchor says, or None if there is none."""
    anchor = session.scalar(select(AuditAnchor))
    return None if anchor is None else LogEnd(anchor.entries, anchor.sha256)


def all_entries(session: Session) -> Iterator[AuditEntry]:
    """Give every entry in order, a page at a time."""
    last = None
    while True:
        query = select(AuditEntry).order_by(AuditEntry.entry).limit(_PAGE)
        page = list(session.scalars(query if last is None else query.where(AuditEntry.entry > last)))
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].entry
        session.expunge_all()


def latest_entries(
    session: Session, limit: int, *, actor: str | None = None, subject: str | None = None
) -> list[AuditEntry]:
    """Return the newest entries, newest first."""
    query = select(AuditEntry).order_by(AuditEntry.entry.desc()).limit(limit)
    if actor is not None:
        query = query.where(AuditEntry.actor == actor)
    if subject is not None:
        query = query.where(AuditEntry.subject == subject)
    return list(session.scalars(query))
