"""The model registry: which bundles there are, which one answers, and who changed that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.audit import write_audit
from pricelm.storage.base import Base, UtcTime, utc_now
from pricelm.storage.database import Store

_ONE_OF_EACH = text("state in ('active', 'canary', 'shadow')")


class ModelVersion(Base):
    """One bundle that was registered.

    ``state`` is ``registered``, ``active``, ``canary``, ``shadow`` or ``retired``; the database itself
    holds that at most one version is active, one a canary and one a shadow.
    """

    __tablename__ = "model_versions"
    __table_args__ = (
        Index(
            "ix_model_versions_one_of_each",
            "state",
            unique=True,
            sqlite_where=_ONE_OF_EACH,
            postgresql_where=_ONE_OF_EACH,
        ),
        UniqueConstraint("fingerprint"),
    )

    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    bundle: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    share: Mapped[float] = mapped_column(Float)
    created: Mapped[datetime] = mapped_column(UtcTime)
    promoted: Mapped[datetime | None] = mapped_column(UtcTime)


class RegistryChange(Base):
    """One change: who did what to which version. Rows are only ever added."""

    __tablename__ = "registry_changes"

    change: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String(120))
    action: Mapped[str] = mapped_column(String(24))
    version: Mapped[int] = mapped_column(ForeignKey("model_versions.version"))
    note: Mapped[str] = mapped_column(Text)


class RegistryDraft:
    """The registry inside one transaction: what is changed here is kept whole or not at all."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_version(self, version: int) -> ModelVersion | None:
        """Return one version, or None."""
        return self._session.get(ModelVersion, version)

    def by_fingerprint(self, fingerprint: str) -> ModelVersion | None:
        """Return the version of a bundle, or None."""
        return self._session.scalar(select(ModelVersion).where(ModelVersion.fingerprint == fingerprint))

    def in_state(self, state: str) -> ModelVersion | None:
        """Return the one version that is active, canary or shadow, or None."""
        return self._session.scalar(select(ModelVersion).where(ModelVersion.state == state))

    def last_promoted_before(self, version: int) -> ModelVersion | None:
        """Return the version that was active before the present one, by the order of the changes."""
        promotions = (
            select(RegistryChange.version)
            .where(RegistryChange.action.in_(("promote", "roll back")), RegistryChange.version != version)
            .order_by(RegistryChange.change.desc())
            .limit(1)
        )
        found = self._session.scalar(promotions)
        return None if found is None else self.by_version(found)

    def add(self, bundle: str, fingerprint: str) -> ModelVersion:
        """Add a version that answers nothing yet."""
        row = ModelVersion(
            bundle=bundle,
            fingerprint=fingerprint,
            state="registered",
            share=0.0,
            created=utc_now(),
            promoted=None,
        )
        self._session.add(row)
        self._session.flush()
        return row

    def set_state(self, row: ModelVersion, state: str, share: float = 0.0) -> None:
        """Give a version another state, at once, so that the next one can take its place."""
        row.state, row.share = state, share
        if state == "active":
            row.promoted = utc_now()
        self._session.flush()

    def note(self, row: ModelVersion, actor: str, action: str, note: str = "") -> None:
        """Write down who changed what."""
        self._session.add(
            RegistryChange(at=utc_now(), actor=actor, action=action, version=row.version, note=note)
        )
        write_audit(self._session, actor, f"model {action}", f"model {row.version}", {"note": note})


@contextmanager
def changing_registry(store: Store) -> Iterator[RegistryDraft]:
    """Give the registry to change; one change at a time, also between machines."""
    with store.writing() as session:
        if store.kind == "postgresql":
            session.execute(text("lock table model_versions in exclusive mode"))
        yield RegistryDraft(session)


def active_version(session: Session) -> ModelVersion | None:
    """Return the version that answers, or None."""
    return session.scalar(select(ModelVersion).where(ModelVersion.state == "active"))


def all_versions(store: Store) -> list[ModelVersion]:
    """Return every version, newest first."""
    with store.reading() as session:
        return list(session.scalars(select(ModelVersion).order_by(ModelVersion.version.desc())))


def latest_changes(store: Store, limit: int = 100) -> list[RegistryChange]:
    """Return the latest changes, newest first."""
    with store.reading() as session:
        query = select(RegistryChange).order_by(RegistryChange.change.desc()).limit(limit)
        return list(session.scalars(query))


def last_change(store: Store) -> int:
    """Return the number of the latest change, 0 if there is none; services watch it."""
    with store.reading() as session:
        return session.scalar(select(func.coalesce(func.max(RegistryChange.change), 0))) or 0
