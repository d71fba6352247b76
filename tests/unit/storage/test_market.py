"""Listings, observed prices and sales."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from pricelm.core.errors import DataError
from pricelm.storage.base import to_amount
from pricelm.storage.database import Store
from pricelm.storage.market import (
    SeenPrice,
    listing_numbers,
    market_prices,
    price_history,
    put_listings,
    put_observations,
    put_sales,
    sales_history,
)
from pricelm.storage.whole_market import earning_products, sales_span, sold_rows

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def seen(hours: int, price: str, sku: str = "tea", seller: str = "north") -> SeenPrice:
    return SeenPrice(sku, seller, NOON + timedelta(hours=hours), Decimal(price), "EUR")


def test_observations_come_back_newest_first_and_within_bounds(store: Store) -> None:
    with store.writing() as session:
        put_observations(session, [seen(0, "4.10"), seen(2, "4.30"), seen(1, "4.20"), seen(3, "9", "jam")])
        found = price_history(session, "tea", NOON + timedelta(hours=1), NOON + timedelta(hours=3))
    assert [(one.observed_at.hour, one.price) for one in found] == [
        (14, Decimal("4.3")),
        (13, Decimal("4.2")),
    ]


def test_the_same_observation_twice_is_one(store: Store) -> None:
    for price in ("4.10", "4.15"):
        with store.writing() as session:
            put_observations(session, [seen(0, price), seen(0, price)])
    with store.reading() as session:
        assert price_history(session, "tea", NOON, NOON + timedelta(1)) == [seen(0, "4.15")]


def test_the_market_shows_the_newest_price_of_each_seller_however_they_arrive(store: Store) -> None:
    for batch in ([seen(5, "5"), seen(3, "3")], [seen(4, "4")], [seen(1, "7", seller="south")]):
        with store.writing() as session:
            put_observations(session, batch)
    with store.reading() as session:
        assert market_prices(session, ["tea", "nothing"]) == [seen(5, "5"), seen(1, "7", seller="south")]


def test_a_listing_replaces_the_bare_one_that_an_observation_made(store: Store) -> None:
    with store.writing() as session:
        put_observations(session, [seen(0, "4")])
        number = listing_numbers(session, ["tea"])["tea"]
        put_listings(session, [{"sku": "tea", "title": "Green tea", "attributes": {"size": 250}}])
        assert listing_numbers(session, ["tea"]) == {"tea": number}
        assert put_listings(session, [{"sku": "tea"}, {"sku": "jam", "price": 3.5}]) == 2


def test_sales_of_a_day_are_replaced_by_a_second_reading(store: Store) -> None:
    row = {
        "sku": "tea", "day": date(2026, 3, 1), "shop": "main", "price": 4.0, "units": 5.0,
        "regular_price": None, "unit_cost": 2.0, "on_hand": None,
    }  # fmt: skip
    for units in (5.0, 6.0):
        with store.writing() as session:
            put_sales(session, [row | {"units": units}, row | {"price": 3.5}])
    with store.reading() as session:
        found = sales_history(session, "tea", date(2026, 1, 1))
    assert sorted((one.price, one.units) for one in found) == [(Decimal("3.5"), 5.0), (Decimal("4"), 6.0)]


def test_more_products_than_one_question_may_name(store: Store) -> None:
    with store.writing() as session:
        numbers = listing_numbers(session, (f"p{number}" for number in range(1_203)))
    assert len(numbers) == len(set(numbers.values())) == 1_203


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("1e14"), Decimal("nan"), 1e300])
def test_what_is_no_amount_of_money_is_refused(value: float) -> None:
    with pytest.raises(DataError, match="amount of money"):
        to_amount(value)


def test_the_mark_of_sales_moves_when_a_row_is_corrected_or_a_promotion_is_told(store: Store) -> None:
    row = {
        "sku": "tea", "day": date(2026, 3, 1), "shop": "", "price": Decimal("3.1"), "units": 4.0,
        "regular_price": None, "unit_cost": Decimal("1.2"), "on_hand": None, "promoted": None,
    }  # fmt: skip
    marks = []
    for change in ({}, {}, {"units": 5.0}, {"promoted": 1.0}, {"unit_cost": Decimal("1.3")}):
        with store.writing() as session:
            put_sales(session, [row | change])
        with store.reading() as session:
            marks.append(sales_span(session).mark)
            [sold] = sold_rows(session, date(2026, 1, 1))
    assert marks[0] == marks[1] and len(set(marks)) == 4
    assert (sold.price, sold.units, sold.unit_cost, sold.promoted) == (31_000, 4.0, 13_000, None)


def test_products_that_take_most_money_come_first(store: Store) -> None:
    def sale(sku: str, price: str, units: float, day: int = 1) -> dict[str, object]:
        return {
            "sku": sku, "day": date(2026, 3, day), "shop": "", "price": Decimal(price), "units": units,
            "regular_price": None, "unit_cost": None, "on_hand": None, "promoted": None,
        }  # fmt: skip

    with store.writing() as session:
        put_sales(
            session, [sale("tea", "3", 9), sale("cup", "9", 4), sale("cup", "9", 4, 2), sale("pot", "1", 1)]
        )
        numbers = listing_numbers(session, ["tea", "cup", "pot"])
        wanted = [numbers["cup"], numbers["tea"], numbers["pot"]]
        assert earning_products(session, date(2026, 1, 1)) == wanted
        assert len(sold_rows(session, date(2026, 1, 1), wanted[:2])) == 3
        assert earning_products(session, date(2026, 3, 2)) == wanted[:1]
