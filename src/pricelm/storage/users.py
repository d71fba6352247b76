"""Users of the console: who may log in. Only a slow hash of a password is stored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Base, UtcTime, utc_now


class User(Base):
    """One person.

    Somebody who comes through another log-in service is known by ``issuer`` and ``subject``, which never
    change there, and has an empty ``password_hash``.
    """

    __tablename__ = "users"
    __table_args__ = (Index("ix_users_issuer_subject", "issuer", "subject", unique=True),)

    user: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(255))
    language: Mapped[str] = mapped_column(String(8))
    failed_logins: Mapped[int] = mapped_column(Integer)
    locked_until: Mapped[datetime | None] = mapped_column(UtcTime)
    created: Mapped[datetime] = mapped_column(UtcTime)
    disabled: Mapped[datetime | None] = mapped_column(UtcTime)
    issuer: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(255))


def add_user(session: Session, name: str, role: str, password_hash: str, language: str = "") -> User:
    """Add a person."""
    row = User(
        name=name, role=role, password_hash=password_hash, language=language, failed_logins=0,
        locked_until=None, created=utc_now(), disabled=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def get_user(session: Session, name: str) -> User | None:
    """Return one person, or None."""
    return session.scalar(select(User).where(User.name == name))


def user_of_subject(session: Session, issuer: str, subject: str) -> User | None:
    """Return who comes through a log-in service under this name that never changes, or None."""
    return session.scalar(select(User).where(User.issuer == issuer, User.subject == subject))


def all_users(session: Session) -> list[User]:
    """Return everybody, by name."""
    return list(session.scalars(select(User).order_by(User.name)))
