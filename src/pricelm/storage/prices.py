"""Prices that go out: every change with a key of its own, and the price in force that it led to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text, func, insert, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Amount, Base, UtcTime, chunked, upserting, utc_now

_WAITING = text("state = 'pending'")


class Delivery(Base):
    """One way out of some prices: to which target, and whether all have gone.

    ``scope`` says what goes: ``"batch 7"``, ``"sku A1"`` or ``"day 2026-03-01"``; at most one delivery of a
    kind and scope is unfinished, so that the same command goes on where a killed one stopped.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(
            "ix_deliveries_one_pending",
            "kind",
            "scope",
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )

    delivery: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(String(240))
    target: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(120))
    created: Mapped[datetime] = mapped_column(UtcTime)
    state: Mapped[str] = mapped_column(String(16))
    finished: Mapped[datetime | None] = mapped_column(UtcTime)


class PriceChange(Base):
    """One price that goes out, or went. The database holds that at most one of a product is on its way.

    ``state`` is ``pending``, ``delivered`` or ``abandoned``.
    """

    __tablename__ = "price_changes"
    __table_args__ = (
        Index(
            "ix_price_changes_one_pending",
            "sku",
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
        Index("ix_price_changes_delivery_state", "delivery", "state"),
        Index("ix_price_changes_sku_change", "sku", "change"),
    )

    change: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    delivery: Mapped[int] = mapped_column(ForeignKey("deliveries.delivery"))
    batch: Mapped[int | None] = mapped_column(ForeignKey("batches.batch"), index=True)
    recommendation: Mapped[int | None] = mapped_column(
        ForeignKey("recommendations.recommendation"), index=True
    )
    kind: Mapped[str] = mapped_column(String(16))
    sku: Mapped[str] = mapped_column(String(200))
    old_price: Mapped[Decimal] = mapped_column(Amount)
    new_price: Mapped[Decimal] = mapped_column(Amount)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(16))
    delivered: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    # the change that took this one back; no foreign key, since it is written after this one
    undone_by: Mapped[int | None] = mapped_column(Integer)


class PriceInForce(Base):
    """The price of a product that was last sent out."""

    __tablename__ = "prices_in_force"

    sku: Mapped[str] = mapped_column(String(200), primary_key=True)
    price: Mapped[Decimal] = mapped_column(Amount)
    currency: Mapped[str] = mapped_column(String(3))
    since: Mapped[datetime] = mapped_column(UtcTime)
    change: Mapped[int] = mapped_column(ForeignKey("price_changes.change"))


@dataclass(frozen=True)
class OutgoingPrice:
    """A price on its way: what a target is given."""

    change: int
    key: str
    sku: str
    old_price: Decimal
    new_price: Decimal
    currency: str
    batch: int | None


def pending_delivery(session: Session, kind: str, scope: str) -> Delivery | None:
    """Return the unfinished delivery of a kind and scope, or None."""
    query = select(Delivery).where(
        Delivery.kind == kind, Delivery.scope == scope, Delivery.state == "pending"
    )
    return session.scalar(query)


def all_pending_deliveries(session: Session) -> list[Delivery]:
    """Return every unfinished delivery, oldest first."""
    query = select(Delivery).where(Delivery.state == "pending").order_by(Delivery.delivery)
    return list(session.scalars(query))


def get_delivery(session: Session, delivery: int) -> Delivery | None:
    """Return one delivery, or None."""
    return session.get(Delivery, delivery)


def count_delivered(session: Session, delivery: int) -> tuple[int, int]:
    """Return how many prices of a delivery have arrived, and how many there are."""
    row = PriceChange
    query = select(row.state, func.count()).where(row.delivery == delivery).group_by(row.state)
    counts: dict[str, int] = {state: count for state, count in session.execute(query)}  # noqa: C416
    return counts.get("delivered", 0), counts.get("delivered", 0) + counts.get("pending", 0)


def add_delivery(session: Session, kind: str, scope: str, target: str, actor: str) -> int:
    """Begin a delivery and return its number."""
    row = Delivery(
        kind=kind,
        scope=scope[:240],
        target=target,
        actor=actor[:120],
        created=utc_now(),
        state="pending",
        finished=None,
    )
    session.add(row)
    session.flush()
    return row.delivery


def add_changes(session: Session, delivery: int, kind: str, changes: Iterable[dict[str, Any]]) -> None:
    """Add the changes of a delivery: key, batch, recommendation, sku, old and new price, currency."""
    same = {"delivery": delivery, "kind": kind, "state": "pending", "delivered": None, "undone_by": None}
    for chunk in chunked(changes):
        session.execute(insert(PriceChange), [one | same for one in chunk])


def skus_on_their_way(session: Session, skus: Sequence[str]) -> set[str]:
    """Return the products that have a change which has not arrived yet."""
    found: set[str] = set()
    for chunk in chunked(skus):
        found |= set(
            session.scalars(
                select(PriceChange.sku).where(PriceChange.state == "pending", PriceChange.sku.in_(chunk))
            )
        )
    return found


def prices_in_force(session: Session, skus: Sequence[str]) -> dict[str, PriceInForce]:
    """Return the prices in force of some products; those that never went out are not there."""
    query = select(PriceInForce)
    return {
        one.sku: one
        for chunk in chunked(skus)
        for one in session.scalars(query.where(PriceInForce.sku.in_(chunk)))
    }


def outgoing(
    session: Session, delivery: int, *, pending: bool, limit: int | None = None
) -> list[OutgoingPrice]:
    """Return the prices of a delivery in order: all that were not abandoned, or only those still pending."""
    row = PriceChange
    columns = (row.change, row.key, row.sku, row.old_price, row.new_price, row.currency, row.batch)
    query = select(*columns).where(row.delivery == delivery).order_by(row.change)
    query = query.where(row.state == "pending") if pending else query.where(row.state != "abandoned")
    return [OutgoingPrice(*one) for one in session.execute(query if limit is None else query.limit(limit))]


def mark_delivered(session: Session, changes: Sequence[int]) -> list[PriceChange]:
    """Mark those changes as delivered that are still pending, put their prices in force, and return them."""
    query = select(PriceChange).where(PriceChange.change.in_(changes), PriceChange.state == "pending")
    rows = list(session.scalars(query.order_by(PriceChange.change).with_for_update()))
    now = utc_now()
    for row in rows:
        row.state, row.delivered = "delivered", now
    session.flush()
    if rows:
        put = upserting(session, PriceInForce)
        fresh = {name: put.excluded[name] for name in ("price", "currency", "since", "change")}
        session.execute(
            put.on_conflict_do_update(index_elements=["sku"], set_=fresh),
            [
                {
                    "sku": one.sku,
                    "price": one.new_price,
                    "currency": one.currency,
                    "since": now,
                    "change": one.change,
                }
                for one in rows
            ],
        )
    return rows


def finish_delivery(session: Session, delivery: int) -> bool:
    """Close a delivery none of whose changes is pending; return whether it was open."""
    row = session.get(Delivery, delivery, with_for_update=True)
    if row is None or row.state != "pending":
        return False
    row.state, row.finished = "done", utc_now()
    session.flush()
    return True


def abandon_pending(session: Session, delivery: int) -> tuple[list[int], int]:
    """Give up what has not arrived; return the recommendations that it was for, and how many prices."""
    query = select(PriceChange).where(PriceChange.delivery == delivery, PriceChange.state == "pending")
    rows = list(session.scalars(query.with_for_update()))
    for row in rows:
        # the key is free again for another try
        row.state, row.key = "abandoned", f"abandoned {row.change}"
    session.flush()
    return [row.recommendation for row in rows if row.recommendation is not None], len(rows)


def delivered_changes(
    session: Session,
    *,
    batch: int | None = None,
    sku: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[PriceChange]:
    """Return the prices that were applied and not taken back, oldest first.

    Parameters
    ----------
    session : sqlalchemy.orm.Session
        A session.
    batch : int, optional
        Of this plan.
    sku : str, optional
        Of this product.
    since, until : datetime.datetime, optional
        Delivered from ``since`` to before ``until``.
    """
    row = PriceChange
    query = select(row).where(row.state == "delivered", row.kind == "apply", row.undone_by.is_(None))
    if batch is not None:
        query = query.where(row.batch == batch)
    if sku is not None:
        query = query.where(row.sku == sku)
    if since is not None:
        query = query.where(row.delivered >= since)
    if until is not None:
        query = query.where(row.delivered < until)
    return list(session.scalars(query.order_by(row.change)))


def standing_changes(session: Session, skus: Sequence[str]) -> dict[str, int]:
    """Return the newest change of each product that was applied and not taken back."""
    row = PriceChange
    query = (
        select(row.sku, func.max(row.change))
        .where(row.state == "delivered", row.kind == "apply", row.undone_by.is_(None))
        .group_by(row.sku)
    )
    found: dict[str, int] = {}
    for chunk in chunked(skus):
        found |= {sku: change for sku, change in session.execute(query.where(row.sku.in_(chunk)))}  # noqa: C416
    return found


def mark_undone(session: Session, undoing: dict[str, int], undone: Iterable[PriceChange]) -> None:
    """Write down which change took back which: ``undoing`` is the change of each product."""
    for row in undone:
        row.undone_by = undoing[row.sku]
    session.flush()


def price_changes_of(session: Session, sku: str, limit: int = 100) -> list[PriceChange]:
    """Return the changes of a product's price, newest first."""
    query = select(PriceChange).where(PriceChange.sku == sku).order_by(PriceChange.change.desc()).limit(limit)
    return list(session.scalars(query))


def count_pending(session: Session) -> int:
    """Return how many prices are on their way."""
    return session.scalar(select(func.count()).where(PriceChange.state == "pending")) or 0


def change_numbers(session: Session, delivery: int) -> dict[str, int]:
    """Return the change of each product of a delivery."""
    query = select(PriceChange.sku, PriceChange.change).where(PriceChange.delivery == delivery)
    return {row.sku: row.change for row in session.execute(query)}


def clear_undone(session: Session, delivery: int) -> None:
    """Forget that the changes were taken back which an abandoned rollback was to take back."""
    session.execute(
        update(PriceChange)
        .where(
            PriceChange.undone_by.in_(
                select(PriceChange.change).where(
                    PriceChange.delivery == delivery, PriceChange.state == "abandoned"
                )
            )
        )
        .values(undone_by=None)
        .execution_options(synchronize_session=False)
    )
