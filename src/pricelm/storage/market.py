"""What the market showed: listings, observed prices, and sales."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, Float, ForeignKey, Index, Integer, String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Amount, Base, JsonText, UtcTime, chunked, upsert, upserting, utc_now


class Listing(Base):
    """One product: what is written about it. A product that was only observed or sold has its sku alone."""

    __tablename__ = "listings"

    listing: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    sku: Mapped[str] = mapped_column(String(200), unique=True)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    brand: Mapped[str] = mapped_column(String(200))
    category: Mapped[str] = mapped_column(String(400))
    condition: Mapped[str] = mapped_column(String(80))
    currency: Mapped[str] = mapped_column(String(3))
    price: Mapped[Decimal | None] = mapped_column(Amount)
    listed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    attributes: Mapped[Any] = mapped_column(JsonText)
    changed: Mapped[datetime] = mapped_column(UtcTime)


class Seller(Base):
    """Who asks a price; a number each keeps ten million observations small."""

    __tablename__ = "sellers"

    seller: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)


class Observation(Base):
    """A price that a seller asked for a product at a time.

    The key is the order on disk in SQLite: one product's history is read in one piece. In PostgreSQL the
    index on time is a few pages, since rows arrive in the order of time.
    """

    __tablename__ = "observations"
    __table_args__ = (
        Index("ix_observations_observed_at", "observed_at", postgresql_using="brin"),
        {"sqlite_with_rowid": False},
    )

    listing: Mapped[int] = mapped_column(ForeignKey("listings.listing"), primary_key=True)
    observed_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    seller: Mapped[int] = mapped_column(ForeignKey("sellers.seller"), primary_key=True)
    price: Mapped[Decimal] = mapped_column(Amount)
    currency: Mapped[str] = mapped_column(String(3))


class MarketPrice(Base):
    """The newest observation of each product and seller, so that the market of today costs no search."""

    __tablename__ = "market_prices"
    __table_args__ = ({"sqlite_with_rowid": False},)

    listing: Mapped[int] = mapped_column(ForeignKey("listings.listing"), primary_key=True)
    seller: Mapped[int] = mapped_column(ForeignKey("sellers.seller"), primary_key=True)
    observed_at: Mapped[datetime] = mapped_column(UtcTime)
    price: Mapped[Decimal] = mapped_column(Amount)
    currency: Mapped[str] = mapped_column(String(3))


class Sale(Base):
    """Units of a product that a shop sold on a day at a price.

    ``promoted`` is 1 where a promotion ran, 0 where none did, between them where one ran in part, and empty
    where that was not said.
    """

    __tablename__ = "sales"
    __table_args__ = ({"sqlite_with_rowid": False},)

    listing: Mapped[int] = mapped_column(ForeignKey("listings.listing"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    shop: Mapped[str] = mapped_column(String(80), primary_key=True)
    price: Mapped[Decimal] = mapped_column(Amount, primary_key=True)
    units: Mapped[float] = mapped_column(Float)
    regular_price: Mapped[Decimal | None] = mapped_column(Amount)
    unit_cost: Mapped[Decimal | None] = mapped_column(Amount)
    on_hand: Mapped[float | None] = mapped_column(Float)
    promoted: Mapped[float | None] = mapped_column(Float)


@dataclass(frozen=True)
class SeenPrice:
    """A price that was seen: of which product, asked by whom, when, how much, in which currency."""

    sku: str
    seller: str
    observed_at: datetime
    price: Decimal
    currency: str = ""


def put_listings(session: Session, listings: Iterable[dict[str, Any]]) -> int:
    """Add listings, or replace those of the same sku; return how many."""
    now, count = utc_now(), 0
    insert = upserting(session, Listing)
    fresh = {
        name: insert.excluded[name]
        for name in Listing.__table__.columns.keys()[2:]  # all but the keys
    }
    statement = insert.on_conflict_do_update(index_elements=["sku"], set_=fresh)
    for chunk in chunked(listings):
        rows = [_BLANK | listing | {"changed": now} for listing in chunk]
        session.execute(statement, rows)
        count += len(rows)
    return count


_BLANK: dict[str, Any] = {
    "title": "", "description": "", "brand": "", "category": "", "condition": "", "currency": "",
    "price": None, "listed_at": None, "attributes": {},
}  # fmt: skip


def priced_listings(session: Session, after: int = 0, limit: int = 2_000) -> list[Listing]:
    """Return listings with a price in the order of their numbers, those behind ``after``."""
    query = select(Listing).where(Listing.price.is_not(None), Listing.listing > after)
    return list(session.scalars(query.order_by(Listing.listing).limit(limit)))


def count_priced_listings(session: Session) -> int:
    """Return how many listings have a price."""
    query = select(func.count()).select_from(Listing).where(Listing.price.is_not(None))
    return int(session.scalar(query) or 0)


def listing_numbers(session: Session, skus: Iterable[str]) -> dict[str, int]:
    """Return the number of each sku; one that is not known yet gets a listing with nothing but its sku."""
    return _numbers(session, Listing, Listing.sku, Listing.listing, skus, _BLANK | {"changed": utc_now()})


def seller_numbers(session: Session, names: Iterable[str]) -> dict[str, int]:
    """Return the number of each seller; new ones are added."""
    return _numbers(session, Seller, Seller.name, Seller.seller, names, {})


def _numbers(
    session: Session, table: type[Base], name: Any, number: Any, names: Iterable[str], blank: dict[str, Any]
) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunked(dict.fromkeys(names)):
        rows = [{**blank, name.key: one} for one in chunk]
        query = select(name, number).where(name.in_(chunk))
        known = {str(key): int(value) for key, value in session.execute(query)}
        if len(known) < len(chunk):
            rows = [row for row in rows if row[name.key] not in known]
            session.execute(upserting(session, table).on_conflict_do_nothing(), rows)
            known = {str(key): int(value) for key, value in session.execute(query)}
        found |= known
    return found


def put_observations(session: Session, seen: Sequence[SeenPrice]) -> None:
    """Add observed prices; one of the same product, seller and time replaces what was there."""
    listings = listing_numbers(session, (one.sku for one in seen))
    sellers = seller_numbers(session, (one.seller for one in seen))
    rows: dict[tuple[int, datetime, int], dict[str, Any]] = {}
    newest: dict[tuple[int, int], dict[str, Any]] = {}
    for one in seen:
        listing, seller = listings[one.sku], sellers[one.seller]
        row = {
            "listing": listing,
            "seller": seller,
            "observed_at": one.observed_at,
            "price": one.price,
            "currency": one.currency,
        }
        rows[listing, one.observed_at, seller] = row
        last = newest.get((listing, seller))
        if last is None or last["observed_at"] <= one.observed_at:
            newest[listing, seller] = row
    # in the order of the keys, so that two writers lock rows in the same order
    upsert(
        session,
        Observation,
        [rows[key] for key in sorted(rows)],
        keys=("listing", "observed_at", "seller"),
    )
    upsert(
        session,
        MarketPrice,
        [newest[key] for key in sorted(newest)],
        keys=("listing", "seller"),
        unless_older="observed_at",
    )


def price_history(
    session: Session, sku: str, since: datetime, until: datetime, limit: int = 10_000
) -> list[SeenPrice]:
    """Return the prices seen of a product from ``since`` to before ``until``, newest first."""
    query = (
        select(Listing.sku, Seller.name, Observation.observed_at, Observation.price, Observation.currency)
        .join(Listing, Listing.listing == Observation.listing)
        .join(Seller, Seller.seller == Observation.seller)
        .where(Listing.sku == sku, Observation.observed_at >= since, Observation.observed_at < until)
        .order_by(Observation.observed_at.desc())
        .limit(limit)
    )
    return [SeenPrice(*row) for row in session.execute(query)]


def market_prices(session: Session, skus: Iterable[str]) -> list[SeenPrice]:
    """Return the newest price of each seller for some products."""
    found = []
    for chunk in chunked(dict.fromkeys(skus)):
        query = (
            select(Listing.sku, Seller.name, MarketPrice.observed_at, MarketPrice.price, MarketPrice.currency)
            .join(Listing, Listing.listing == MarketPrice.listing)
            .join(Seller, Seller.seller == MarketPrice.seller)
            .where(Listing.sku.in_(chunk))
            .order_by(Listing.sku, MarketPrice.price)
        )
        found += [SeenPrice(*row) for row in session.execute(query)]
    return found


def put_sales(session: Session, sales: Iterable[dict[str, Any]]) -> int:
    """Add sales; those of the same product, day, shop and price replace what was there. Return how many."""
    insert = upserting(session, Sale)
    said = ("units", "regular_price", "unit_cost", "on_hand", "promoted")
    replaced = {name: insert.excluded[name] for name in said}
    statement = insert.on_conflict_do_update(
        index_elements=["listing", "day", "shop", "price"], set_=replaced
    )
    count = 0
    for chunk in chunked(sales, 5_000):
        numbers = listing_numbers(session, (row["sku"] for row in chunk))
        rows = [
            {**{name: value for name, value in row.items() if name != "sku"}, "listing": numbers[row["sku"]]}
            for row in chunk
        ]
        session.execute(statement, rows)
        count += len(rows)
    return count


def sales_history(session: Session, sku: str, since: date) -> list[Sale]:
    """Return the sales of a product from a day on, oldest first."""
    query = (
        select(Sale)
        .join(Listing, Listing.listing == Sale.listing)
        .where(Listing.sku == sku, Sale.day >= since)
        .order_by(Sale.day)
    )
    return list(session.scalars(query))
