"""API keys: who may ask the service for what. Only a hash of a key's secret is stored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Base, UtcTime, utc_now
from pricelm.storage.database import Store


class ApiKey(Base):
    """One key.

    The secret has 256 random bits, so that nobody can find it by trying hashes, and a hash made
    slow on purpose would only let strangers keep the service busy: SHA-256 is enough.
    """

    __tablename__ = "api_keys"

    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(16))
    secret_sha256: Mapped[str] = mapped_column(String(64))
    listings_per_second: Mapped[float | None] = mapped_column(Float)
    created: Mapped[datetime] = mapped_column(UtcTime)
    revoked: Mapped[datetime | None] = mapped_column(UtcTime)


def insert_key(
    session: Session,
    *,
    key_id: str,
    name: str,
    role: str,
    secret_sha256: str,
    listings_per_second: float | None,
) -> ApiKey:
    """Store a new key and return its row."""
    key = ApiKey(
        key_id=key_id,
        name=name,
        role=role,
        secret_sha256=secret_sha256,
        listings_per_second=listings_per_second,
        created=utc_now(),
        revoked=None,
    )
    session.add(key)
    session.flush()
    return key


def all_keys(store: Store) -> list[ApiKey]:
    """Return every key, revoked ones too, oldest first."""
    with store.reading() as session:
        return list(session.scalars(select(ApiKey).order_by(ApiKey.created, ApiKey.key_id)))


def get_key(session: Session, key_id: str) -> ApiKey | None:
    """Return one key, locked until the session ends, or None."""
    return session.get(ApiKey, key_id, with_for_update=True)
