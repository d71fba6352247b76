"""Tables of other databases that prices are handed over to: a row a price change, each once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    inspect,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError

from pricelm.core.errors import ConfigError, StoreError
from pricelm.storage.base import chunked, utc_now
from pricelm.storage.database import connected, open_engine
from pricelm.storage.prices import OutgoingPrice

DEFAULT_TABLE = "pricelm_prices"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


class PriceTable:
    """A table that only grows: the newest row of a sku, by ``change_number``, is its price.

    Its primary key is the key of the change, so that a change which is handed over again after a crash is
    there once.

    Parameters
    ----------
    url : str
        ``sqlite:///FILE`` or ``postgresql://...``.
    name : str, default "pricelm_prices"
        The table; made if it is not there.

    Raises
    ------
    ConfigError
        If the name is none.
    StoreError
        If the database cannot be opened, or the table there is another one.
    """

    def __init__(self, url: str, name: str = DEFAULT_TABLE) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"expected a table name of letters, digits and _, got {name[:80]!r}")
        self._engine = open_engine(url)
        self._table = Table(
            name,
            MetaData(),
            Column("change_key", String(64), primary_key=True),
            Column("change_number", Integer, nullable=False),
            Column("sku", String(200), nullable=False, index=True),
            Column("price", Numeric(18, 4, asdecimal=False), nullable=False),
            Column("old_price", Numeric(18, 4, asdecimal=False), nullable=False),
            Column("currency", String(3), nullable=False),
            Column("batch", Integer),
            Column("handed_over", DateTime(timezone=True), nullable=False),
        )

    def __enter__(self) -> Self:
        with connected(self._engine) as connection:
            self._table.create(connection, checkfirst=True)
            there = {column["name"] for column in inspect(connection).get_columns(self._table.name)}
        missing = [column.name for column in self._table.columns if column.name not in there]
        if missing:
            self._engine.dispose()
            raise StoreError(
                f"expected a table of prices at {self._table.name}, got one without {missing[0]}: "
                "name another table"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def put(self, prices: Sequence[OutgoingPrice]) -> None:
        """Add the changes that are not there yet, all or none."""
        words = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        statement = words.insert(self._table).on_conflict_do_nothing(index_elements=["change_key"])
        now = utc_now()
        with connected(self._engine) as connection:
            for chunk in chunked(prices):
                rows = [
                    {
                        "change_key": one.key,
                        "change_number": one.change,
                        "sku": one.sku,
                        "price": float(one.new_price),
                        "old_price": float(one.old_price),
                        "currency": one.currency,
                        "batch": one.batch,
                        "handed_over": now,
                    }
                    for one in chunk
                ]
                connection.execute(statement, rows)


def shown_address(url: str) -> str:
    """Return a database address without its password.

    Examples
    --------
    >>> shown_address("postgresql://shop:secret@host/db")
    'postgresql://shop:***@host/db'
    """
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        raise ConfigError("expected a database address such as sqlite:///prices.db, got none") from None
