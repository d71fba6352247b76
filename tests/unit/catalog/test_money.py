from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricelm.catalog.currencies import currency_code, currency_in_name
from pricelm.catalog.money import Money, parse_price, parse_prices
from pricelm.core.errors import DataError


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("1.234,56 €", "1234.56", "EUR"),
        ("￥1,299", "1299", "CNY"),
        ("$20.99 ", "20.99", "USD"),
        ("1 299,00 zł", "1299.00", "PLN"),
        ("1\u202f299,00 €", "1299.00", "EUR"),
        ("1'299.50 CHF", "1299.50", "CHF"),
        ("12", "12", ""),
        (12.5, "12.5", ""),
        (Decimal("0.10"), "0.10", ""),
        ("Rs. 1,299", "1299", "INR"),
        ("Rs.1,00,000/-", "100000", "INR"),
        ("258元", "258", "CNY"),
        ("12.98万", "129800.00", ""),
        ("JP¥1,200", "1200", "JPY"),
        ("US $ 12.99", "12.99", "USD"),
        ("$12 CAD", "12", "CAD"),
        ("5 kr", "5", ""),
        ("12,-", "12", ""),
        ("1.234 €", "1234", "EUR"),
        ("1.234", "1.234", ""),
        ("1,234", "1234", ""),
        ("0,125", "0.125", ""),
        ("1.234.567", "1234567", ""),
        (".50", "0.50", ""),
        ("1e3", "1E+3", ""),
        ("１２．５０", "12.50", ""),
    ],
)
def test_prices_as_shops_write_them(text: object, amount: str, currency: str) -> None:
    assert parse_price(text) == Money(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("N/A", "not a number"),
        ("Free", "not a number"),
        ("5 apples", "not a number"),
        ("1,23,45", "not a number"),
        ("1.2.3", "not a number"),
        ("3 for $10", "not a number"),
        ("2024-01-31", "not a number"),
        ("-" * 60 + "1", "not a number"),
        ("9" * 5_000, "not a number"),
        (True, "not a number"),
        ("", "missing"),
        (None, "missing"),
        (float("nan"), "missing"),
        ("NaN", "missing"),
        ("inf", "infinite"),
        (float("-inf"), "infinite"),
        ("1e400", "infinite"),
        ("-5", "negative"),
        ("-$5", "negative"),
        ("($12.50)", "negative"),
        ("0", "zero"),
        ("$0.00", "zero"),
        ("$299.99through-$449.99", "a range"),
        ("10 - 20", "a range"),
    ],
)
def test_what_is_no_price_says_why(text: object, reason: str) -> None:
    with pytest.raises(DataError, match=f"^{reason}:"):
        parse_price(text)
    amount, _, reasons = parse_prices(pd.Series([text], dtype=object))
    assert np.isnan(amount[0]) and reasons[0] == reason


def test_plain_columns() -> None:
    for series in (
        pd.Series(["1.5", "2", None, "-3", "0", "inf"]),
        pd.Series([1.5, 2, np.nan, -3, 0, np.inf]),
    ):
        amount, currency, reason = parse_prices(series)
        assert amount[:2].tolist() == [1.5, 2.0] and np.isnan(amount[2:]).all()
        assert reason.tolist() == ["", "", "missing", "negative", "zero", "infinite"]
        assert set(currency) == {""}
    assert parse_prices(pd.Series([1, 2]))[0].tolist() == [1.0, 2.0]
    assert parse_prices(pd.Series([True, False]))[2].tolist() == ["not a number"] * 2


@pytest.mark.parametrize(
    ("column", "first"),
    [
        (["1.234", "12,50", "3,99"], 1234.0),
        (["1.234", "12.50", "3.99"], 1.234),
        (["1.234", "7", "9"], 1.234),
        (["1,234", "12,50", "3,99"], 1.234),
        (["1,234", "12.50", "3.99"], 1234.0),
        (["1.234 €", "7 €"], 1234.0),
        (["$1.234", "$7.50"], 1.234),
    ],
)
def test_the_column_decides_what_a_lone_separator_means(column: list[str], first: float) -> None:
    assert parse_prices(pd.Series(column))[0][0] == first


def test_values_without_doubt_keep_their_own_shape() -> None:
    amount, currency, reason = parse_prices(pd.Series(["1.234,56 €", "$1,299.50", "N/A", "￥8"]))
    assert amount[[0, 1, 3]].tolist() == [1234.56, 1299.5, 8.0]
    assert currency.tolist() == ["EUR", "USD", "", "CNY"] and reason[2] == "not a number"


@given(
    st.decimals(min_value="0.01", max_value="99999999", places=2), st.sampled_from(["{}", "${}", "{} USD"])
)
def test_written_amounts_are_read_back(amount: Decimal, pattern: str) -> None:
    for written in (f"{amount:,}", f"{amount}"):
        assert parse_price(pattern.format(written)).amount == amount
    german = f"{amount:,}".translate(str.maketrans(",.", ".,"))
    assert parse_price(f"{german} €").amount == amount


@given(st.text(max_size=30))
def test_any_text_is_a_price_or_a_reason(text: str) -> None:
    try:
        assert parse_price(text).amount > 0
    except DataError as error:
        assert str(error).split(":")[0] in {
            "missing",
            "not a number",
            "a range",
            "infinite",
            "negative",
            "zero",
        }


def test_other_types_of_columns() -> None:
    for series in (
        pd.Series(["$5", None], dtype="category"),
        pd.Series(["$5", None], dtype="string"),
        pd.Series([Decimal("5"), None], dtype=object),
    ):
        assert parse_prices(series)[0][0] == 5 and parse_prices(series)[2].tolist() == ["", "missing"]
    assert parse_prices(pd.Series([["5"], {}], dtype=object))[2].tolist() == ["not a number"] * 2
    assert parse_prices(pd.Series([pd.Timestamp("2024-01-01")]))[2].tolist() == ["not a number"]


def test_currency_words_and_names() -> None:
    assert [currency_code(word) for word in ("usd", "￥", "Rs", "", "apples")] == [
        "USD",
        "CNY",
        "INR",
        "",
        None,
    ]
    assert currency_in_name("price_cny") == "CNY" and currency_in_name("price") == ""
