"""Versions of the rules: every text that was ever in force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.audit import write_audit
from pricelm.storage.base import Base, UtcTime, utc_now
from pricelm.storage.documents import put_document


class RuleVersion(Base):
    """One text of rules; the newest is in force."""

    __tablename__ = "rule_versions"

    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    document: Mapped[str] = mapped_column(ForeignKey("documents.sha256"))
    rules: Mapped[int] = mapped_column(Integer)
    actor: Mapped[str] = mapped_column(String(120))
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


def latest_rules(session: Session) -> RuleVersion | None:
    """Return the rules in force, or None before the first ones."""
    return session.scalar(select(RuleVersion).order_by(RuleVersion.version.desc()).limit(1))


def all_rule_versions(session: Session, limit: int = 100) -> list[RuleVersion]:
    """Return the versions, newest first."""
    return list(session.scalars(select(RuleVersion).order_by(RuleVersion.version.desc()).limit(limit)))


def put_rules(session: Session, text: str, count: int, actor: str, note: str = "") -> RuleVersion:
    """Put rules in force and return their version; the same text as the present one changes nothing."""
    key = put_document(session, "rules", text)
    latest = latest_rules(session)
    if latest is not None and latest.document == key:
        return latest
    row = RuleVersion(document=key, rules=count, actor=actor[:120], note=note, at=utc_now())
    session.add(row)
    session.flush()
    write_audit(
        session, actor, "rules", f"rules {row.version}", {"rules": count, "sha256": key, "note": note}
    )
    return row
