"""Users of the console: who may log in. Only a slow hash of a password is stored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Base, UtcTime, utc_now


class User(Base):
    """One person. ``password_hash`` is empty for somebody who comes through another log-in service."""

    __tablename__ = "users"

    user: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(255))
    language: Mapped[str] = mapped_column(String(8))
    failed_logins: Mapped[int] = mapped_column(Integer)
    locked_until: Mapped[datetime | None] = mapped_column(UtcTime)
    created: Mapped[datetime] = mapped_column(UtcTime)
    disabled: Mapped[datetime | None] = mapped_column(UtcTime)


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


def all_users(session: Session) -> list[User]:
    """Return everybody, by name."""
    return list(session.scalars(select(User).order_by(User.name)))
