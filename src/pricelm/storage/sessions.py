"""Sessions: who is logged in to the console. Only a hash of the secret in the browser's cookie is stored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Base, UtcTime, utc_now
from pricelm.storage.users import User


class ConsoleSession(Base):
    """One log-in of one person. The secret has 256 random bits, so that a fast hash is enough."""

    __tablename__ = "console_sessions"

    secret_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[int] = mapped_column(Integer, ForeignKey("users.user"), index=True)
    begun: Mapped[datetime] = mapped_column(UtcTime)
    seen: Mapped[datetime] = mapped_column(UtcTime)
    ends: Mapped[datetime] = mapped_column(UtcTime)


def add_session(session: Session, secret_sha256: str, user: int, ends: datetime) -> None:
    """Begin a session, and forget those that have ended."""
    now = utc_now()
    session.execute(delete(ConsoleSession).where(ConsoleSession.ends < now))
    session.add(ConsoleSession(secret_sha256=secret_sha256, user=user, begun=now, seen=now, ends=ends))
    session.flush()


def find_session(session: Session, secret_sha256: str) -> tuple[ConsoleSession, User] | None:
    """Return a session with its person, whatever their state, or None."""
    query = (
        select(ConsoleSession, User)
        .join(User, User.user == ConsoleSession.user)
        .where(ConsoleSession.secret_sha256 == secret_sha256)
    )
    found = session.execute(query).one_or_none()
    return None if found is None else (found[0], found[1])


def end_session(session: Session, secret_sha256: str) -> None:
    """End one session."""
    session.execute(delete(ConsoleSession).where(ConsoleSession.secret_sha256 == secret_sha256))


def end_sessions_of(session: Session, user: int) -> None:
    """End every session of a person."""
    session.execute(delete(ConsoleSession).where(ConsoleSession.user == user))
