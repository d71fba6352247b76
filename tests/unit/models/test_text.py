"""The text that the language model reads, and the scale that every member learns on."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricelm.catalog.columns import ColumnMap
from pricelm.models.text import (
    FeatureColumns,
    compose_text,
    from_log_price,
    headline,
    is_chinese,
    log_price,
    long_text,
    strings,
)


def test_the_most_telling_parts_come_first_so_that_cutting_costs_least() -> None:
    listing = pd.DataFrame(
        {
            "title": ["mini cup"],
            "brand": ["Acme"],
            "category": ["Home/Kitchen/Cups"],
            "condition": ["used"],
            "description": ["holds tea"],
            "shelf": ["north"],
            "weight": [2.0],
            "notes": ["no box"],
        }
    )
    features = FeatureColumns(text=("notes",), numeric=("weight",), categorical=("shelf",))
    assert compose_text(listing, features) == [
        "Acme mini cup. Home > Kitchen > Cups. condition used. shelf north. weight 2. holds tea no box"
    ]


def test_missing_parts_leave_no_trace() -> None:
    listing = pd.DataFrame({"title": ["cup"], "brand": [""], "category": [None], "weight": [np.nan]})
    assert compose_text(listing, FeatureColumns(numeric=("weight", "absent"))) == ["cup"]
    assert compose_text(pd.DataFrame({"title": [""]}), FeatureColumns()) == [""]


@pytest.mark.parametrize("title", ["ACME mini cup", "cup by acme"])
def test_a_brand_that_the_title_names_is_not_repeated(title: str) -> None:
    listing = pd.DataFrame({"title": [title], "brand": ["Acme"]})
    assert compose_text(listing, FeatureColumns()) == [title]


def test_numbers_are_written_plainly() -> None:
    listing = pd.DataFrame({"title": ["cup", "pot"], "weight": [10.0, 2.25]})
    assert compose_text(listing, FeatureColumns(numeric=("weight",))) == [
        "cup. weight 10",
        "pot. weight 2.25",
    ]


def test_strings_are_empty_where_nothing_is() -> None:
    frame = pd.DataFrame(
        {"a": ["x", None, np.nan], "b": [1.5, np.nan, 2.0], "c": pd.to_datetime(["2024-01-31", None, None])}
    )
    assert strings(frame, "a") == ["x", "", ""]
    assert strings(frame, "b") == ["1.5", "", "2.0"]
    assert [bool(value) for value in strings(frame, "c")] == [True, False, False]
    assert strings(frame, "absent") == ["", "", ""]


def test_headline_and_long_text_split_the_words_between_them() -> None:
    listing = pd.DataFrame({"title": ["cup"], "brand": ["Acme"], "description": ["tea"], "notes": ["boxed"]})
    assert headline(listing) == ["cup Acme"]
    assert long_text(listing, FeatureColumns(text=("notes",))) == ["tea boxed"]


def test_attributes_are_read_under_the_names_of_the_checked_frame() -> None:
    columns = ColumnMap(title="name", text=("title", "notes"), numeric=("weight",), categorical=("brand",))
    features = FeatureColumns.from_map(columns)
    assert features.attributes == ("attr_title", "notes", "weight", "attr_brand")
    assert FeatureColumns.from_dict(json.loads(json.dumps(features.to_dict()))) == features


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["护肤套装 50ml"], True),
        (["skin care set"], False),
        (["Nike 耐克"], True),
        (["a long English title with one 字"], False),
        (["12345", ""], False),
        ([], False),
    ],
)
def test_chinese_is_told_by_its_letters(texts: list[str], expected: bool) -> None:
    assert is_chinese(texts) is expected


@given(st.floats(0.0, 1e12))
def test_log_prices_come_back_as_prices(price: float) -> None:
    assert from_log_price(log_price(np.array([price])))[0] == pytest.approx(price, rel=1e-9, abs=1e-9)


@given(st.floats(allow_nan=False))
def test_no_log_price_makes_a_negative_or_infinite_price(value: float) -> None:
    price = from_log_price(np.array([value]))[0]
    assert 0 <= price < 1e14
