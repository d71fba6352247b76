"""Rows of a database query as frames, chunk by chunk, through a server-side cursor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, CursorResult, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from pricelm.catalog.rows import Rejections, row_index, unique_names
from pricelm.catalog.streams import ReadLimits, check_columns
from pricelm.core.errors import ReadError


def sql_chunks(url: str, query: str, *, chunk_rows: int, limits: ReadLimits) -> Iterator[pd.DataFrame]:
    """Yield the rows of a query as frames with the database's own types.

    Nothing is committed: what a query other than SELECT would change is rolled back.

    Parameters
    ----------
    url : str
        SQLAlchemy URL, for example ``"sqlite:///shop.db"`` or ``"postgresql+psycopg://user@host/shop"``.
    query : str
        The query, in the database's SQL.
    chunk_rows : int
        Rows a frame, and rows that the cursor fetches at once.
    limits : ReadLimits
        ``max_columns`` applies.

    Yields
    ------
    pandas.DataFrame
        Index "row" counts the result's rows from 1; ``attrs["rejected"]`` is empty.

    Raises
    ------
    ReadError
        If the URL, the driver, the connection or the query is at fault. No password is shown.
    """
    address, engine = _engine(url)
    name = address.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            options = {"stream_results": True, "yield_per": chunk_rows}
            # The driver's own SQL: a ":" or "%" in the query is not a parameter of ours.
            result = connection.exec_driver_sql(query, execution_options=options)
            if not result.returns_rows:
                raise ReadError(f"{name}: expected a query that returns rows, got {query!r}. Use a SELECT")
            columns = unique_names(result.keys())
            check_columns(len(columns), name, limits)
            yield from _frames(result, columns, chunk_rows)
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise ReadError(
            f"{name}: the query cannot be read ({cause}). Check the address and the SQL"
        ) from None
    finally:
        engine.dispose()


def _frames(
    result: CursorResult[tuple[object, ...]], columns: list[str], chunk_rows: int
) -> Iterator[pd.DataFrame]:
    first = 1
    for rows in result.partitions(chunk_rows):
        frame = pd.DataFrame([tuple(row) for row in rows], columns=columns)
        frame.index = row_index(range(first, first + len(rows)))
        frame.attrs["rejected"] = Rejections()
        first += len(rows)
        yield frame


def _engine(url: str) -> tuple[URL, Engine]:
    scheme = url.split("://", 1)[0]
    try:
        address = make_url(url)
        engine = create_engine(address)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise ReadError(
            f"{scheme}://...: expected a database address such as sqlite:///shop.db, and this is none that "
            "SQLAlchemy knows. Download a file from the web first and give its path"
        ) from error
    except ModuleNotFoundError as error:
        raise ReadError(
            f"{scheme}://...: the database driver {error.name!r} is not installed. Install it with: "
            f"pip install {error.name}"
        ) from error
    if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
        _check_sqlite_file(str(address.database), address)
    return address, engine


def _check_sqlite_file(database: str, address: URL) -> None:
    # SQLite would create a missing database and then miss the table in it.
    if not database.startswith("file:") and not Path(database).is_file():
        raise ReadError(f"{address}: there is no database file {database!r}. Check the path")
