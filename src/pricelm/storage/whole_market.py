"""Reading sales and listings of all products at once, as values rather than objects."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, func, select, type_coerce
from sqlalchemy.orm import Session

from pricelm.storage.base import chunked
from pricelm.storage.market import Listing, Sale
from pricelm.storage.prices import PriceInForce


class SalesSpan(NamedTuple):
    """What there is of sales: rows, shops, the last day; and a mark that another load changes."""

    rows: int
    shops: int
    last_day: date | None
    mark: str


class SoldRow(NamedTuple):
    """A row of sales; money in ten-thousandths, which a million rows are read in without decimals."""

    listing: int
    day: date
    shop: str
    price: int
    units: float
    regular_price: int | None
    unit_cost: int | None
    on_hand: float | None
    promoted: float | None


class ListingValues(NamedTuple):
    """A listing without what is written at length about it."""

    listing: int
    sku: str
    title: str
    category: str
    price: Decimal | None
    currency: str
    attributes: Any


def sales_span(session: Session) -> SalesSpan:
    """Return how much there is of sales."""
    counts = func.count(), func.count(Sale.shop.distinct()), func.max(Sale.day)
    rows, shops, last = session.execute(select(*counts)).one()
    # a load that corrects a row moves one of the sums
    sums = select(
        func.sum(Sale.units),
        func.sum(type_coerce(Sale.price, BigInteger)),
        func.sum(type_coerce(Sale.unit_cost, BigInteger)),
        func.sum(type_coerce(Sale.regular_price, BigInteger)),
        func.sum(Sale.on_hand),
        func.sum(Sale.promoted),
    )
    moved = [str(one) for one in session.execute(sums).one()]
    return SalesSpan(int(rows), int(shops), last, "/".join([str(rows), str(last), *moved]))


def market_mark(session: Session) -> str:
    """Return a text that changes when listings are loaded or a price goes out."""
    listings = session.execute(select(func.count(), func.max(Listing.changed))).one()
    newest = session.scalar(select(func.max(PriceInForce.change)))
    return f"{listings[0]}/{listings[1]}/{newest}"


def earning_products(session: Session, since: date) -> list[int]:
    """Return the listings that took most money from a day on, the first first."""
    taken = func.sum(type_coerce(Sale.price, BigInteger) * Sale.units)
    query = (
        select(Sale.listing)
        .where(Sale.day >= since)
        .group_by(Sale.listing)
        .order_by(taken.desc(), Sale.listing)
    )
    return list(session.scalars(query))


def sold_rows(session: Session, since: date, listings: Iterable[int] | None = None) -> list[SoldRow]:
    """Return the sales from a day on, of all products or of some."""
    columns = [getattr(Sale, name) for name in SoldRow._fields]
    money = ("price", "regular_price", "unit_cost")
    columns = [type_coerce(one, BigInteger) if one.key in money else one for one in columns]
    query = select(*columns).where(Sale.day >= since).order_by(Sale.listing, Sale.day)
    if listings is None:
        return [SoldRow(*row) for row in session.execute(query)]
    found: list[SoldRow] = []
    for chunk in chunked(listings):
        found += [SoldRow(*row) for row in session.execute(query.where(Sale.listing.in_(chunk)))]
    return found


def all_listings(session: Session) -> list[ListingValues]:
    """Return every listing."""
    columns = [getattr(Listing, name) for name in ListingValues._fields]
    return [ListingValues(*row) for row in session.execute(select(*columns).order_by(Listing.sku))]


def all_prices_in_force(session: Session) -> dict[str, float]:
    """Return the price that was last sent out of every product that ever was."""
    return {sku: float(price) for sku, price in session.execute(select(PriceInForce.sku, PriceInForce.price))}
