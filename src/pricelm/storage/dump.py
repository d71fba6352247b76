"""A store as files: an online copy of a SQLite file, or one file of JSON lines a table, from one moment."""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    func,
    inspect,
    make_url,
    select,
    text,
)

from pricelm.core.errors import StoreError
from pricelm.storage.base import chunked
from pricelm.storage.database import Store, connected, open_engine
from pricelm.storage.migrations import migrate, present_revision
from pricelm.storage.tables import all_tables

SECRETS = {
    "api_keys": ("secret_sha256",),
    "console_sessions": ("secret_sha256",),
    "documents": ("content",),
    "users": ("password_hash",),
}
"""Columns that an export leaves out: what only the service may know, and what is no text."""
_ROWS_AT_ONCE = 2_000
_OWN = "alembic_version"
# the one row that new tables bring along
_ANCHOR = "audit_anchor"


def copy_sqlite(store: Store, file: Path) -> None:
    """Copy a SQLite store to a new file while it is in use; the copy is of one moment.

    Raises
    ------
    StoreError
        If the copy cannot be made.
    """
    try:
        with store.raw_connection() as source, _closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
            # one file, without a log beside it
            copy.execute("pragma journal_mode=delete")
    except sqlite3.Error as error:
        raise StoreError(f"{file} cannot be made ({error}): check the space and the folder") from error


def revision_of(store: Store) -> str:
    """Return the form of the tables."""
    with store.connection() as connection:
        return present_revision(connection)


def dump_tables(store: Store, folder: Path, told: Callable[[str, int], None]) -> dict[str, int]:
    """Write every table to ``NAME.jsonl.gz`` and return the number of rows of each.

    Parameters
    ----------
    store : Store
        The store.
    folder : pathlib.Path
        An empty folder.
    told : callable
        Told a table and how many rows it has, when it is written.
    """
    counts = {}
    with store.snapshot() as connection:
        for table in _present_tables(connection):
            with gzip.open(folder / f"{table.name}.jsonl.gz", "wt", 4, encoding="utf-8") as file:
                file.write(json.dumps([column.name for column in table.columns]) + "\n")
                count = 0
                for row in _rows(connection, table):
                    file.write(json.dumps([_plain(value) for value in row], ensure_ascii=False) + "\n")
                    count += 1
            counts[table.name] = count
            told(table.name, count)
    return counts


def export_tables(store: Store, folder: Path, told: Callable[[str, int], None]) -> dict[str, int]:
    """Write every table to ``NAME.jsonl``, an object a row, without secrets; return the rows of each."""
    counts = {}
    with store.snapshot() as connection:
        for table in all_tables():
            columns = [one for one in table.columns if one.name not in SECRETS.get(table.name, ())]
            with (folder / f"{table.name}.jsonl").open("w", encoding="utf-8") as file:
                count = 0
                for row in _rows(connection, table, columns):
                    values = zip(columns, row, strict=True)
                    named = {column.name: _readable(value) for column, value in values}
                    file.write(json.dumps(named, ensure_ascii=False) + "\n")
                    count += 1
            counts[table.name] = count
            told(table.name, count)
    return counts


def load_tables(url: str, folder: Path, revision: str, counts: dict[str, int]) -> None:
    """Fill an empty database with dumped tables, whole or not at all, and bring it to the form of today.

    Parameters
    ----------
    url : str
        A database without tables.
    folder : pathlib.Path
        What `dump_tables` wrote.
    revision : str
        The form of the tables then.
    counts : dict of str to int
        Tables with their rows.

    Raises
    ------
    StoreError
        If the database is not empty, or a table is not what it was.
    """
    engine = open_engine(url)
    try:
        with connected(engine) as connection:
            check_empty(connection)
            migrate(connection, revision)
            for table in _present_tables(connection):
                if table.name == _ANCHOR:
                    connection.execute(table.delete())
                loaded = _load(connection, table, folder / f"{table.name}.jsonl.gz")
                if loaded != counts.get(table.name):
                    expected = counts.get(table.name, "no")
                    raise StoreError(
                        f"expected {expected} rows of {table.name} in the backup, got {loaded}: take another"
                    )
            if connection.dialect.name == "postgresql":
                _set_sequences(connection)
            migrate(connection)
    finally:
        engine.dispose()


def check_empty(connection: Connection) -> None:
    """Refuse a database that has tables.

    Raises
    ------
    StoreError
        If there are any.
    """
    names = inspect(connection).get_table_names()
    if names:
        raise StoreError(
            f"expected an empty database to restore into, got one with the table {names[0]!r}: name a new one"
        )


def is_empty_database(url: str) -> bool:
    """Return whether a database has no tables; a SQLite file that is not there has none."""
    engine = open_engine(url)
    try:
        with connected(engine) as connection:
            return not inspect(connection).get_table_names()
    finally:
        engine.dispose()


def open_copy(file: Path) -> Store:
    """Open a copy of a SQLite store to read it as it is, without a change to its tables."""
    engine = create_engine(f"sqlite:///file:{file.resolve().as_uri().removeprefix('file:')}?mode=ro&uri=true")
    return Store(engine)


def count_rows(store: Store) -> dict[str, int]:
    """Return the rows of each table."""
    with store.connection() as connection:
        count = select(func.count())
        return {one.name: connection.scalar(count.select_from(one)) or 0 for one in all_tables()}


def size_bytes(store: Store) -> int:
    """Return how much space the database takes."""
    with store.connection() as connection:
        if store.kind == "postgresql":
            return int(connection.scalar(text("select pg_database_size(current_database())")) or 0)
        pages = connection.exec_driver_sql("pragma page_count").scalar() or 0
        return int(pages) * int(connection.exec_driver_sql("pragma page_size").scalar() or 0)


def _present_tables(connection: Connection) -> list[Table]:
    """Return the tables as they are, which need not be those of today."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _OWN]


def _rows(connection: Connection, table: Table, columns: list[Column[Any]] | None = None) -> Iterator[Any]:
    query = select(*(columns or table.columns)).order_by(*table.primary_key.columns)
    yield from connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    return value


def _readable(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else _plain(value)


def _load(connection: Connection, table: Table, file: Path) -> int:
    sqlite = connection.dialect.name == "sqlite"
    readers = {column.name: _reader(column, sqlite) for column in table.columns}
    count = 0
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        names = json.loads(next(lines))
        if set(names) != set(readers):
            raise StoreError(f"expected the columns {', '.join(readers)} of {table.name}, got {names}")
        for chunk in chunked(lines, _ROWS_AT_ONCE):
            rows = [
                {name: readers[name](value) for name, value in zip(names, json.loads(line), strict=True)}
                for line in chunk
            ]
            connection.execute(table.insert(), rows)
            count += len(rows)
    return count


def _reader(column: Column[Any], sqlite: bool) -> Callable[[Any], Any]:
    def read_time(value: str) -> datetime:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=None) if sqlite else time

    kinds: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
        (DateTime, read_time),
        (Date, date.fromisoformat),
        (LargeBinary, base64.b64decode),
    )
    read = next((read for kind, read in kinds if isinstance(column.type, kind)), None)
    if read is None:
        return lambda value: value
    return lambda value: None if value is None else read(value)


def _set_sequences(connection: Connection) -> None:
    """Let the next number of each table be one that is not taken yet."""
    for table in _present_tables(connection):
        for column in table.primary_key.columns:
            named = connection.scalar(
                text("select pg_get_serial_sequence(:table, :column)"),
                {"table": f'"{table.name}"', "column": column.name},
            )
            if named and isinstance(column.type, Integer):
                last = connection.scalar(select(func.max(column)))
                if last is not None:
                    connection.execute(text("select setval(:name, :last)"), {"name": named, "last": last})


@contextmanager
def _closing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield connection
    finally:
        connection.close()


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite address; None in memory and for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))
