"""From what callers hold to checked listings."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import DataError
from pricelm.models.preparation import as_frame, prepare_scoring, prepare_training

Shop = Callable[..., pd.DataFrame]


def test_arrays_get_column_names() -> None:
    assert list(as_frame(np.zeros((3, 2))).columns) == ["x0", "x1"]
    assert list(as_frame([[1, "a"], [2, "b"]]).columns) == ["x0", "x1"]
    assert list(as_frame(pd.DataFrame({1: [2]})).columns) == ["1"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.zeros(3), r"1D array.*Reshape"),
        ({"title": "cup"}, "0D array"),
        (sparse.csr_matrix(np.eye(3)), "toarray"),
        (np.zeros((2, 2), dtype=complex), "Complex"),
    ],
)
def test_what_is_no_table_is_refused(table: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_frame(table)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_listings_are_refused(n: int, shop: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=rf"{n} sample\(s\)"):
        prepare_training(shop.head(n))


def test_a_table_without_columns_is_refused() -> None:
    with pytest.raises(DataError, match=r"0 feature\(s\)"):
        prepare_training(pd.DataFrame(index=range(5)), np.arange(5.0))


def test_no_price_column_is_an_error_that_names_the_remedy(shop: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="price"):
        prepare_training(shop.drop(columns="price"))


def test_prices_may_come_separately(shop: pd.DataFrame) -> None:
    inside = prepare_training(shop)
    beside = prepare_training(shop.drop(columns="price"), shop["price"])
    np.testing.assert_array_equal(inside.listings["price"], beside.listings["price"])
    assert inside.columns == beside.columns


def test_separate_prices_win_over_a_price_column(shop: pd.DataFrame) -> None:
    data = prepare_training(shop, shop["price"] * 2)
    np.testing.assert_allclose(data.listings["price"], shop["price"] * 2)


@pytest.mark.parametrize("columns", [{"title": "title"}, {"price": "weight"}, ColumnMap(title="title")])
def test_separate_prices_go_with_columns_of_ones_own(shop: pd.DataFrame, columns: object) -> None:
    data = prepare_training(shop.drop(columns="price"), shop["price"], columns=columns)
    np.testing.assert_array_equal(data.listings["price"], shop["price"])


def test_a_column_of_prices_is_flattened_with_a_warning(shop: pd.DataFrame) -> None:
    with pytest.warns(DataConversionWarning):
        data = prepare_training(shop.drop(columns="price"), shop[["price"]].to_numpy())
    np.testing.assert_array_equal(data.listings["price"], shop["price"])


@pytest.mark.parametrize("y", [np.arange(5.0), np.ones((240, 2)), np.float64(3.0)])
def test_prices_of_another_shape_are_refused(shop: pd.DataFrame, y: np.ndarray) -> None:
    with pytest.raises(DataError, match="240 listings"):
        prepare_training(shop, y)


def test_the_callers_table_is_left_alone(shop: pd.DataFrame) -> None:
    before = shop.copy()
    prepare_training(shop, shop["price"])
    prepare_scoring(shop.drop(columns="brand"), prepare_training(shop).columns)
    pd.testing.assert_frame_equal(shop, before)


def test_bad_prices_are_counted_and_left_out(shop: pd.DataFrame) -> None:
    broken = shop.assign(price=shop["price"].astype(object))
    broken.loc[[3, 4, 5], "price"] = ["N/A", -1, np.nan]
    data = prepare_training(broken)
    assert len(data.listings) == len(shop) - 3
    assert sum(data.report.counts.values()) == len(data.rejected) == 3


def test_a_leak_is_left_out_and_reported(shop: pd.DataFrame) -> None:
    data = prepare_training(shop.assign(list_value=shop["price"] * 1.2))
    assert [(leak.column, leak.kind) for leak in data.leaks] == [("list_value", "near-equal")]
    assert "list_value" in data.columns.ignored
    assert "list_value" not in data.listings.columns
    assert "weight" in data.listings.columns


def test_a_leak_is_kept_on_demand(shop: pd.DataFrame) -> None:
    data = prepare_training(shop.assign(list_value=shop["price"] * 1.2), keep_leaks=True)
    assert [leak.column for leak in data.leaks] == ["list_value"]
    assert "list_value" in data.columns.numeric
    assert "list_value" in data.listings.columns


def test_a_price_in_a_text_is_reported_but_the_text_is_kept(shop: pd.DataFrame) -> None:
    told = shop.assign(description=[f"only ${price:.2f} today" for price in shop["price"]])
    data = prepare_training(told)
    assert [(leak.column, leak.kind) for leak in data.leaks] == [("description", "price in text")]
    assert data.columns.description == "description"


def test_rows_of_equal_labels_do_not_hide_a_leak(shop: pd.DataFrame) -> None:
    leaky = shop.assign(list_value=shop["price"] * 1.2)
    twice = pd.concat([leaky.head(120), leaky.tail(120).set_axis(range(120))])
    twice.iloc[7, twice.columns.get_loc("price")] = -5.0
    data = prepare_training(twice)
    assert len(data.listings) == 239
    assert [leak.column for leak in data.leaks] == ["list_value"]


def test_scoring_keeps_order_and_tells_positions(shop: pd.DataFrame) -> None:
    columns = prepare_training(shop).columns
    rows = shop.drop(columns="price").iloc[[5, 3, 9, 1]].copy()
    told = ["title", "brand", "category", "condition", "description", "weight", "shelf"]
    rows.iloc[2, [rows.columns.get_loc(name) for name in told]] = np.nan
    listings, positions = prepare_scoring(rows, columns)
    assert positions.tolist() == [0, 1, 3]
    assert listings["title"].tolist() == shop["title"].iloc[[5, 3, 1]].tolist()


def test_scoring_needs_no_price_and_minds_no_bad_one(shop: pd.DataFrame) -> None:
    columns = prepare_training(shop).columns
    with_bad = shop.head(3).assign(price=["N/A", -1, np.inf])
    without = shop.head(3).drop(columns="price")
    for frame in (with_bad, without):
        listings, positions = prepare_scoring(frame, columns)
        assert len(listings) == len(positions) == 3
        assert "price" not in listings


def test_missing_columns_are_taken_as_empty(shop: pd.DataFrame) -> None:
    columns = prepare_training(shop).columns
    listings, _ = prepare_scoring(shop[["title"]].head(2), columns)
    assert listings["brand"].tolist() == ["", ""]
    assert listings["weight"].isna().all()


def test_a_table_with_none_of_the_columns_is_refused(shop: pd.DataFrame) -> None:
    columns = prepare_training(shop).columns
    with pytest.raises(DataError, match="at least one of the columns"):
        prepare_scoring(pd.DataFrame({"sku": ["s1"], "something": ["cup"]}), columns)


def test_an_array_must_have_as_many_columns_as_in_training() -> None:
    columns = ColumnMap(numeric=("x0", "x1"))
    assert len(prepare_scoring(np.ones((4, 2)), columns, n_array_columns=2)[0]) == 4
    with pytest.raises(DataError, match="X has 3 features, but PriceModel is expecting 2 features"):
        prepare_scoring(np.ones((4, 3)), columns, n_array_columns=2)


def test_an_empty_table_is_scored_as_nothing(shop: pd.DataFrame) -> None:
    listings, positions = prepare_scoring(shop.head(0), prepare_training(shop).columns)
    assert len(listings) == len(positions) == 0
    array = np.ones((0, 2))
    assert len(prepare_scoring(array, ColumnMap(numeric=("x0", "x1")), n_array_columns=2)[0]) == 0


def test_nothing_is_warned_about_in_ordinary_data(shop: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = prepare_training(shop, currency="USD")
        prepare_scoring(shop.head(5), data.columns)
    assert data.report.currency == "USD"
