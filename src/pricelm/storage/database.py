"""Opening a store: SQLite in WAL mode by default, PostgreSQL by URL, migrated to the form of today."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from pricelm.core.errors import ConfigError, StoreError
from pricelm.core.extras import require
from pricelm.storage.migrations import migrate

_SQLITE_WAIT_SECONDS = 10
_READS = "pricelm_reads"
_KINDS = ("sqlite", "postgresql")


class Store:
    """A database of pricelm.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        An engine whose tables are those of today.

    Examples
    --------
    >>> store = open_store("sqlite://")
    >>> store.kind
    'sqlite'
    >>> store.close()
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**{_READS: True})
        self.kind = engine.dialect.name

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session whose changes are not kept."""
        with _told_kindly(), Session(self._reader) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose changes are kept whole, or not at all if the block raises."""
        with _told_kindly(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give a connection to look around with."""
        with _told_kindly(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Give a connection that sees the database of one moment, whatever others write meanwhile."""
        options = {"isolation_level": "REPEATABLE READ"} if self.kind == "postgresql" else {}
        with _told_kindly(), self._reader.execution_options(**options).connect() as connection:
            yield connection

    @contextmanager
    def raw_connection(self) -> Iterator[Any]:
        """Give the driver's own connection."""
        fairy = self._engine.raw_connection()
        try:
            yield fairy.driver_connection
        finally:
            fairy.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()


def open_store(url: str) -> Store:
    """Open a store, and bring its tables to the form of today.

    Parameters
    ----------
    url : str
        ``"sqlite:///pricelm.db"`` (a file; made if it is not there), ``"sqlite://"`` (in memory) or
        ``"postgresql://user:password@host/database"``.

    Returns
    -------
    Store
        Ready for the repositories of this room.

    Raises
    ------
    ConfigError
        If the URL is of another kind, or is no URL.
    MissingExtraError
        If the driver of PostgreSQL is not installed.
    StoreError
        If the database cannot be opened, or was written by a later pricelm.

    Examples
    --------
    >>> open_store("mysql://localhost/shop")
    Traceback (most recent call last):
    pricelm.core.errors.ConfigError: expected a store at sqlite:///FILE or postgresql://..., got mysql
    """
    engine = open_engine(url)
    try:
        with connected(engine) as connection:
            migrate(connection)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose changes are kept whole, or not at all if the block raises."""
    with _told_kindly(), engine.begin() as connection:
        yield connection


def open_engine(url: str) -> Engine:
    """Return the way to a database, whatever is in it; see `open_store` for the addresses and errors."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            "expected a store such as sqlite:///pricelm.db or postgresql://user@host/database, "
            "got something that is no URL"
        ) from error
    kind = parsed.get_backend_name()
    if kind not in _KINDS:
        raise ConfigError(f"expected a store at sqlite:///FILE or postgresql://..., got {kind}")
    if kind == "sqlite":
        return _sqlite(url, parsed.database)
    require("psycopg", extra="postgres", purpose="keep the store in PostgreSQL")
    try:
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    except NoSuchModuleError as error:
        raise ConfigError(f"expected a store at postgresql://..., got {parsed.drivername}") from error


def _sqlite(url: str, file: str | None) -> Engine:
    options: dict[str, Any] = {"connect_args": {"timeout": _SQLITE_WAIT_SECONDS, "check_same_thread": False}}
    if not file or file == ":memory:":
        options["poolclass"] = StaticPool
    elif not Path(file).parent.is_dir():
        raise StoreError(f"expected a folder for the store at {Path(file).parent}, found none: make it first")
    engine = create_engine(url, **options)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        # sqlite3 would begin a transaction only at the first change, so that two writers could both
        # read the old state first; with its own handling off, "begin" below means what it says.
        connection.isolation_level = None
        connection.execute("pragma journal_mode=wal")
        # what somebody approved must outlive a power cut, and such changes are few
        connection.execute("pragma synchronous=full")
        connection.execute("pragma foreign_keys=on")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        reads = connection.get_execution_options().get(_READS)
        connection.exec_driver_sql("begin" if reads else "begin immediate")

    return engine


@contextmanager
def _told_kindly() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError):
        raise  # these are about what was written, not about the database
    except DBAPIError as error:
        raise StoreError(
            f"the store cannot be used ({_first_line(error)}): check that it is there, can be written "
            "and has space"
        ) from error


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0][:200]
