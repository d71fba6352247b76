"""What all tables share: fixed constraint names, times in UTC, exact amounts of money, JSON as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ARRAY, BigInteger, DateTime, MetaData, String, Text, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator, TypeEngine

from pricelm.core.errors import DataError

MOST_NAMES = 500
"""Values in one ``in (...)``: far below what any database allows."""
_ONE = TypeVar("_ONE")
_PLACES = Decimal("0.0001")
_LARGEST = Decimal(10) ** 14

# A migration can only drop or change a constraint that has the same name in every database.
_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=_NAMES)


class UtcTime(TypeDecorator[datetime]):
    """A point in time, stored and returned in UTC; SQLite forgets the zone otherwise."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Return the time in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Return the time with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    """Return the present time, for the record only: nothing is decided by comparing such times.

    Examples
    --------
    >>> utc_now().tzinfo
    datetime.timezone.utc
    """
    return datetime.now(UTC)


class Amount(TypeDecorator[Decimal]):
    """Money, stored as a whole number of ten-thousandths, so that both databases add it up exactly."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | float | None, dialect: Any) -> int | None:
        """Return the ten-thousandths."""
        return None if value is None else int(to_amount(value).scaleb(4))

    def process_result_value(self, value: int | None, dialect: Any) -> Decimal | None:
        """Return the amount with four places."""
        return None if value is None else Decimal(value).scaleb(-4)


class JsonText(TypeDecorator[Any]):
    """A JSON document as text with sorted keys; it stays the same text in every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """Return the text."""
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        """Return the document."""
        return None if value is None else json.loads(value)


def to_amount(value: Decimal | float) -> Decimal:
    """Return an amount of money with four places.

    Raises
    ------
    DataError
        If it is no finite number, or 10 to the 14 or more.

    Examples
    --------
    >>> to_amount(4.1), to_amount(Decimal("2.00005"))
    (Decimal('4.1000'), Decimal('2.0000'))
    """
    try:
        amount = Decimal(repr(float(value))) if not isinstance(value, Decimal) else value
        if amount.is_finite() and abs(amount) < _LARGEST:
            return amount.quantize(_PLACES, rounding=ROUND_HALF_EVEN)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise DataError(f"expected an amount of money below 10^14, got {str(value)[:40]}")


def canonical_json(value: Any) -> str:
    """Return the one text that stands for a JSON document.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [1.5, None]})
    '{"a":[1.5,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def upserting(session: Session, table: type[Base]) -> Any:
    """Return an insert that can say what to do on a conflict, in the words of the session's database."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def upsert(
    session: Session,
    table: type[Base],
    rows: Sequence[dict[str, Any]],
    *,
    keys: Sequence[str],
    unless_older: str = "",
) -> None:
    """Insert rows; one whose keys are there already replaces all other columns.

    Parameters
    ----------
    session : sqlalchemy.orm.Session
        A writing session.
    table : type of Base
        The table.
    rows : sequence of dict
        All with the same columns, each key once.
    keys : sequence of str
        The columns of a unique constraint.
    unless_older : str, default ""
        A column; a row with a smaller value in it than the one that is there changes nothing.
    """
    if not rows:
        return
    names = list(rows[0])
    insert = upserting(session, table)
    bulk = session.get_bind().dialect.name == "postgresql"
    if bulk:
        # an array a column: one statement for all rows takes a fraction of the time that one a row does
        types = {name: table.__table__.c[name].type for name in names}
        arrays = [literal([row[name] for row in rows], _array(types[name])) for name in names]
        given = func.unnest(*arrays).table_valued(*names).render_derived()
        insert = insert.from_select(names, select(*(given.c[name] for name in names)))
    insert = insert.on_conflict_do_update(
        index_elements=list(keys),
        set_={name: insert.excluded[name] for name in names if name not in keys},
        where=insert.excluded[unless_older] >= getattr(table, unless_older) if unless_older else None,
    )
    session.execute(insert, None if bulk else rows)


def _array(kind: TypeEngine[Any]) -> ARRAY[Any]:
    # a cast to VARCHAR(3) would cut a longer text off, where the column itself refuses it
    return ARRAY(Text() if isinstance(kind, String) else kind)


def chunked(values: Iterable[_ONE], size: int = MOST_NAMES) -> Iterator[Sequence[_ONE]]:
    """Give the values by chunks.

    Examples
    --------
    >>> list(chunked("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
