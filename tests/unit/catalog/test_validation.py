from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm.catalog.columns import ColumnMap, infer_columns
from pricelm.catalog.readers import read_listings
from pricelm.catalog.validation import append_rejected, check_listings
from pricelm.core.errors import DataError

NAMED = ColumnMap(title="name", price="price")


def frame_of(prices: list[object], **columns: object) -> pd.DataFrame:
    names = [f"item {number}" for number in range(len(prices))]
    frame = pd.DataFrame({"name": names, "price": pd.Series(prices, dtype=object), **columns})
    frame.index = pd.RangeIndex(1, len(prices) + 1, name="row")
    return frame


def test_bad_prices_are_rejected_with_row_value_and_reason() -> None:
    prices = ["9.50", "NaN", "inf", "-3", "N/A", "0", None, "1.234,56 €", "￥1,299", "5-9", float("nan"), 7]
    columns = ColumnMap(title="name", price="price")
    checked = check_listings(frame_of(prices), columns, training=True, currency="EUR")
    assert checked.listings["price"].to_dict() == {1: 9.5, 8: 1234.56, 12: 7.0}
    assert checked.rejected.to_dict("list") == {
        "row": [2, 3, 4, 5, 6, 7, 9, 10, 11],
        "column": ["price"] * 9,
        "value": ["NaN", "inf", "-3", "N/A", "0", "", "￥1,299", "5-9", ""],
        "reason": [
            "price is missing",
            "price is infinite",
            "price is negative",
            "price is not a number",
            "price is zero",
            "price is missing",
            "currency is not EUR",
            "price is a range",
            "price is missing",
        ],
    }
    report = checked.report
    assert report.rows_read == 12 and report.rows_kept == 3 and report.currency == "EUR"
    assert report.counts["price is missing"] == 3 and sum(report.counts.values()) == 9


def test_scoring_keeps_rows_whatever_their_price() -> None:
    checked = check_listings(frame_of(["N/A", "-3", "5", "€ 9"]), NAMED, training=False, currency="USD")
    np.testing.assert_array_equal(checked.listings["price"], [np.nan, np.nan, 5, 9])
    assert checked.rejected.empty and checked.report.counts == {}
    assert "another currency than USD" in checked.report.warnings[0]
    without = check_listings(frame_of(["1", "2"])[["name"]], NAMED, training=False)
    assert "price" not in without.listings and without.report.warnings == []


def test_canonical_columns_and_types() -> None:
    frame = frame_of(
        ["5", "6"],
        category=["Ｍｅｎ/Tops", None],
        when=["2024-01-05", "never"],
        title=["red", "blue"],
        width=["1.5", "wide"],
        note=["a <b>bold</b> one", None],
    )
    columns = ColumnMap(
        title="name",
        category="category",
        price="price",
        listed_at="when",
        categorical=("title",),
        numeric=("width",),
        text=("note",),
    )
    checked = check_listings(frame, columns, training=True)
    listings = checked.listings
    assert listings.columns.tolist() == [
        *("listing_id", "title", "description", "brand", "category", "condition"),
        *("currency", "price", "listed_at", "image", "width", "attr_title", "note"),
    ]
    assert listings.loc[1].drop(["listed_at", "width", "price"]).tolist() == (
        ["1", "item 0", "", "", "Men/Tops", "", "", "", "red", "a bold one"]
    )
    assert listings["listed_at"].dtype == "datetime64[ns]" and pd.isna(listings.loc[2, "listed_at"])
    assert listings["width"].dtype == "float64" and np.isnan(listings.loc[2, "width"])
    assert listings.loc[2, "note"] == "" and listings.index.name == "row"
    assert any("not dates" in warning for warning in checked.report.warnings)


def test_all_prices_equal_and_no_row_left() -> None:
    with pytest.raises(DataError, match="all 3 are 5"):
        check_listings(frame_of(["5", "5.0", "5"]), NAMED, training=True)
    with pytest.raises(DataError, match=r"none of 2 rows is usable \(price is not a number: 2\)"):
        check_listings(frame_of(["N/A", "x"]), NAMED, training=True)
    assert check_listings(frame_of(["5", "5"]), NAMED, training=False).report.rows_kept == 2


def test_mixed_currencies_keep_the_majority() -> None:
    prices = ["$5", "$6", "€7", "8", "￥9", "$10"]
    checked = check_listings(frame_of(prices), NAMED, training=True)
    assert checked.listings["price"].tolist() == [5, 6, 8, 10] and checked.report.currency == "USD"
    assert set(checked.listings["currency"]) == {"USD"}
    assert checked.report.counts == {"currency is not USD": 2}


def test_the_currency_may_come_from_a_column_or_a_name() -> None:
    frame = frame_of(["5", "6", "7"], money=["$", "usd", "GBP"])
    checked = check_listings(frame, ColumnMap(title="name", price="price", currency="money"), training=True)
    assert checked.report.currency == "USD" and checked.rejected["row"].tolist() == [3]
    assert checked.rejected["column"].tolist() == ["money"] and checked.rejected["value"].tolist() == ["GBP"]
    named = frame_of(["5", "6"]).rename(columns={"price": "price_cny"})
    assert (
        check_listings(named, ColumnMap(title="name", price="price_cny"), training=True).report.currency
        == "CNY"
    )


def test_absurd_prices() -> None:
    usual = [str(number) for number in range(1, 200)]
    checked = check_listings(frame_of([*usual, "2e9", "900000"]), NAMED, training=True)
    assert checked.rejected["row"].tolist() == [200, 201]
    assert "above 1,000,000,000" in checked.rejected["reason"][0]
    assert "times the 99.9% quantile" in checked.rejected["reason"][1]
    assert checked.report.counts == {"price is absurd": 2}
    assert check_listings(frame_of(["1", "5000", "2"]), NAMED, training=True).rejected.empty


def test_rows_with_nothing_to_price_from() -> None:
    frame = frame_of(["5", "6", "7"], width=[None, "2", None])
    frame["name"] = ["<br>", None, "mug"]
    columns = ColumnMap(title="name", price="price", numeric=("width",))
    for training in (True, False):
        checked = check_listings(frame, columns, training=training)
        assert checked.listings.index.tolist() == [2, 3]
        assert checked.report.counts == {"no text and no attribute": 1}


def test_duplicate_and_missing_ids() -> None:
    frame = frame_of(["5", "6", "7"], sku=["a", "a", None])
    checked = check_listings(frame, ColumnMap(listing_id="sku", title="name", price="price"), training=True)
    assert checked.listings["listing_id"].tolist() == ["a", "a", "3"]
    assert checked.report.warnings == ["1 rows repeat an earlier 'sku'; it is not unique"]


def test_long_texts_are_cut_and_html_and_emoji_cleaned() -> None:
    frame = frame_of(["5", "6"], about=["word " * 200_000, "<p>gift 🎁</p>"])
    checked = check_listings(frame, ColumnMap(description="about", price="price"), training=True)
    assert checked.listings["description"].str.len().tolist() == [20_000, 6]
    assert checked.listings["description"].iloc[1] == "gift 🎁"
    assert checked.report.warnings == ["1 texts of 'about' were cut at 20,000 characters"]


def test_missing_columns() -> None:
    columns = ColumnMap(
        title="name", brand="maker", numeric=("width",), categorical=("color",), price="price"
    )
    with pytest.raises(DataError, match="'maker', 'width', 'color'"):
        check_listings(frame_of(["5", "6"]), columns, training=True)
    checked = check_listings(frame_of(["5", "6"]), columns, training=False)
    assert checked.listings["brand"].tolist() == ["", ""] and checked.listings["width"].isna().all()
    assert checked.listings["color"].tolist() == ["", ""]
    assert checked.report.warnings == ["missing columns, taken as empty: maker, width, color"]


def test_ragged_rows_of_the_reader_are_counted_in(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("name,price\nmug,5\npot\nThéière,N/A\npan,6,7\ncup,8\n".encode("cp1252"))
    frame = read_listings(path)
    checked = check_listings(frame, infer_columns(frame), training=True)
    assert checked.rejected["row"].tolist() == [2, 3, 4]
    assert checked.report.rows_read == 5 and checked.report.rows_kept == 2
    assert checked.report.counts == {"too few fields": 1, "price is not a number": 1, "too many fields": 1}
    assert "cp1252" in checked.report.warnings[0]
    assert len(frame.attrs["rejected"]) == 2  # the caller's frame is as it was


def test_rejected_rows_are_appended_under_one_header(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    checked = check_listings(frame_of(["5", "6", 'x "y", z']), NAMED, training=True)
    for _ in range(2):
        append_rejected(path, checked.rejected)
    append_rejected(path, checked.rejected.iloc[:0])
    back = pd.read_csv(path)
    assert back.to_dict("list") == {
        "row": [3, 3],
        "column": ["price"] * 2,
        "value": ['x "y", z'] * 2,
        "reason": ["price is not a number"] * 2,
    }


def test_frames_with_any_index_and_none_rejected() -> None:
    frame = pd.DataFrame({"name": ["a", "b"], "price": [1.0, 2.0]}, index=["x", "y"])
    checked = check_listings(frame, NAMED, training=True)
    assert checked.listings["listing_id"].tolist() == ["x", "y"]
    assert list(checked.rejected.columns) == ["row", "column", "value", "reason"] and checked.rejected.empty


def test_the_name_of_a_picture_is_left_as_it_is() -> None:
    places = ["a  b &amp; c.png", "ｗｉｄｅ.png", " x.png ", None]
    frame = pd.DataFrame({"title": ["mug"] * 4, "image": places, "price": [1.0, 2.0, 3.0, 4.0]})
    columns = ColumnMap(title="title", image="image", price="price")
    checked = check_listings(frame, columns, training=True)
    assert checked.listings["image"].tolist() == ["a  b &amp; c.png", "ｗｉｄｅ.png", "x.png", ""]
