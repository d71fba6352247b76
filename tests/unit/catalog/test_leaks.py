from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pricelm.catalog.columns import ColumnMap
from pricelm.catalog.leaks import Leak, drop_leaks, find_leaks
from pricelm.core.errors import ConfigError

N_ROWS = 400


@pytest.fixture
def price() -> np.ndarray:
    return np.round(np.exp(np.random.default_rng(0).normal(3.0, 1.0, N_ROWS)), 2)


def leaks_of(price: np.ndarray, **columns: object) -> dict[str, str]:
    """Kinds found when every given column is an attribute of its natural type."""
    frame = pd.DataFrame(columns)
    numeric = tuple(name for name in frame if pd.api.types.is_numeric_dtype(frame[name]))
    categorical = tuple(name for name in frame if name not in numeric)
    found = find_leaks(frame, ColumnMap(numeric=numeric, categorical=categorical), price)
    return {leak.column: leak.kind for leak in found}


def test_a_copy_of_the_price_is_equal_as_number_and_as_text(price: np.ndarray) -> None:
    written = [f"${amount:,.2f}" for amount in price]
    assert leaks_of(price, copy=price, written=written) == {"copy": "equal", "written": "equal"}


def test_a_list_price_with_varying_discount_is_near_equal(price: np.ndarray) -> None:
    discount = np.random.default_rng(1).uniform(0.3, 1.0, N_ROWS)
    assert leaks_of(price, retail_price=np.round(price / discount)) == {"retail_price": "near-equal"}


def test_a_cost_with_missing_values_is_near_equal_and_its_share_is_told(price: np.ndarray) -> None:
    cost = price * np.random.default_rng(1).uniform(0.5, 0.7, N_ROWS)
    cost[: N_ROWS // 4] = np.nan
    (leak,) = find_leaks(pd.DataFrame({"cost": cost}), ColumnMap(numeric=("cost",)), price)
    assert (leak.kind, leak.share) == ("near-equal", 0.75)
    copy = np.where(np.isnan(cost), np.nan, price)
    (leak,) = find_leaks(pd.DataFrame({"copy": copy}), ColumnMap(numeric=("copy",)), price)
    assert (leak.kind, leak.share) == ("equal", 0.75)


def test_the_price_in_another_currency_is_near_equal_at_any_scale(price: np.ndarray) -> None:
    assert leaks_of(price, price_inr=np.round(price * 83.12)) == {"price_inr": "near-equal"}


def test_facts_about_the_product_are_no_leaks(price: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    facts = {
        "rating": rng.integers(1, 6, N_ROWS),
        "shipping": rng.integers(0, 2, N_ROWS),
        "constant": np.full(N_ROWS, 20.0),
        "sold": rng.poisson(30, N_ROWS),
        "product_rating": rng.choice(["4.5", "5", "No rating available"], N_ROWS),
        # follows the price closely, but as carats do: with another slope and on another scale
        "carat": np.exp(np.log(price) / 1.7 - 3 + rng.normal(0, 0.05, N_ROWS)),
        # the same slope in another unit
        "floor_area": price * 12 * np.exp(rng.normal(0, 0.3, N_ROWS)),
        # about as large as the price, but with another slope
        "watts": np.exp(3 + 2 * (np.log(price) - 3) + rng.normal(0, 0.05, N_ROWS)),
        # the same unit and spread, but loosely
        "warranty_fee": np.exp(3 + 0.6 * (np.log(price) - 3) + rng.normal(0, 0.8, N_ROWS)),
    }
    assert leaks_of(price, **facts) == {}


def test_a_price_that_hardly_varies_makes_no_column_a_leak() -> None:
    price = np.tile([9.99, 19.99], N_ROWS // 2)
    assert leaks_of(price, pieces=np.tile([1, 2], N_ROWS // 2)) == {}


@pytest.mark.parametrize(
    "template",
    ["mug ${} only", "mug {:.2f} shipped", "Rs. {} mug", "马克杯{}元包邮", "mug, {} dollars", "USD {} mug"],
)
def test_a_price_written_in_the_text_is_found_with_its_share(template: str) -> None:
    price = np.arange(10.0, 10.0 + N_ROWS)
    price = price + 0.99 if ":.2f" in template else price
    texts = [
        template.format(int(p) if p.is_integer() else p) if row % 4 == 0 else "a mug"
        for row, p in enumerate(price)
    ]
    (leak,) = find_leaks(pd.DataFrame({"name": texts}), ColumnMap(title="name"), price)
    assert (leak.column, leak.kind, leak.share) == ("name", "price in text", 0.25)
    assert "100 texts" in leak.evidence


def test_thousands_separators_are_read() -> None:
    price = np.full(N_ROWS, 1299.0)
    (leak,) = find_leaks(pd.DataFrame({"d": ["now $1,299!"] * N_ROWS}), ColumnMap(description="d"), price)
    assert leak.share == 1.0


def test_other_numbers_in_the_text_are_no_prices() -> None:
    price = np.arange(10.0, 10.0 + N_ROWS)
    texts = [f"size {p:.0f}, model {p:.0f}X, ${p + 1:.0f} elsewhere, {p:.2f}.1" for p in price]
    assert find_leaks(pd.DataFrame({"name": texts}), ColumnMap(title="name"), price) == []


def test_a_price_in_one_text_of_two_hundred_is_not_worth_a_word() -> None:
    price = np.arange(10.0, 10.0 + N_ROWS)
    texts = ["a mug"] * N_ROWS
    texts[:2] = ["$10 mug", "$11 mug"]
    assert find_leaks(pd.DataFrame({"name": texts}), ColumnMap(title="name"), price) == []


def test_a_hostile_text_is_searched_in_linear_time() -> None:
    hostile = [
        "1" * 300_000,
        "$" * 300_000,
        "1," * 150_000,
        "rs. " * 75_000,
        "1.11" * 75_000,
        " " * 300_000,
    ] * 2
    assert find_leaks(pd.DataFrame({"name": hostile}), ColumnMap(title="name"), np.arange(1.0, 13.0)) == []


def test_rows_without_a_price_and_the_price_itself_are_passed_over(price: np.ndarray) -> None:
    price[::3] = np.nan
    price[1::3] = 0.0
    frame = pd.DataFrame({"price": price, "copy": price, "name": "mug"})
    columns = ColumnMap(title="name", price="price", numeric=("price", "copy"), ignored={"name": "x"})
    assert [leak.column for leak in find_leaks(frame, columns, price)] == ["copy"]
    assert find_leaks(frame, columns, np.full(N_ROWS, np.nan)) == []


def test_more_rows_than_are_examined_give_the_same_finding() -> None:
    price = np.exp(np.random.default_rng(0).normal(3.0, 1.0, 120_000))
    price[::10] = 20.0
    texts = np.where(np.arange(120_000) % 10 == 0, "now $20.00", "mug")
    frame = pd.DataFrame({"name": texts, "copy": price})
    found = {
        leak.column: leak for leak in find_leaks(frame, ColumnMap(title="name", numeric=("copy",)), price)
    }
    assert found["name"].share == pytest.approx(0.1, abs=0.01)
    assert found["copy"].kind == "equal"


def test_one_price_a_row_is_needed() -> None:
    with pytest.raises(ConfigError, match="each of 2 rows, got 3 prices"):
        find_leaks(pd.DataFrame({"name": ["a", "b"]}), ColumnMap(title="name"), np.ones(3))


def test_dropping_ignores_the_columns_but_keeps_the_texts() -> None:
    columns = ColumnMap(
        title="name",
        condition="grade",
        numeric=("cost", "weight"),
        categorical=("mrp",),
        ignored={"id": "unique"},
    )
    leaks = [
        Leak("cost", "near-equal", "why", 1.0),
        Leak("mrp", "equal", "why", 1.0),
        Leak("grade", "equal", "why", 1.0),
        Leak("name", "price in text", "why", 0.5),
    ]
    after = drop_leaks(columns, leaks)
    assert (after.title, after.condition, after.numeric, after.categorical) == ("name", None, ("weight",), ())
    assert set(after.ignored) == {"id", "cost", "mrp", "grade"}
    assert after.ignored["cost"] == "leak, near-equal: why"
    assert drop_leaks(columns, []) == columns
