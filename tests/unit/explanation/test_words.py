"""What each word does to a price, against a predictor whose rule is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import ConfigError
from pricelm.explanation.words import explain_words, split_words

WORTH = {"gold": 100.0, "ring": 20.0, "cheap": -5.0, "补水": 30.0, "面膜": 7.0, "acme": 3.0}
COLUMNS = ColumnMap(title="name", brand="maker", description="about", price="cost")


class WordWorth:
    """The price is 50 and what each of its words is worth, once a column."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        self.asked.append(len(X))
        return np.array([self.price(row) for row in X.fillna("").to_dict("records")])

    @staticmethod
    def price(row: dict[str, str]) -> float:
        cells = [str(row.get(name, "")).lower() for name in ("name", "maker", "about")]
        if not any(cells):
            return float("nan")
        return 50.0 + sum(worth for cell in cells for word, worth in WORTH.items() if word in cell)


def explained(*rows: dict[str, object], **options: int) -> list[list[tuple[str, str, float]]]:
    found = explain_words(WordWorth(), pd.DataFrame(list(rows)), COLUMNS, **options)
    return [[(one.word, one.field, one.effect) for one in effects] for effects in found]


def test_the_effect_is_the_price_with_the_word_minus_the_price_without_it() -> None:
    (effects,) = explained({"name": "cheap gold ring", "maker": "Acme", "about": "a ring"})
    assert effects[:4] == [
        ("gold", "name", 100.0),
        ("ring", "name", 20.0),
        ("ring", "about", 20.0),
        ("cheap", "name", -5.0),
    ]
    assert ("Acme", "maker", 3.0) in effects
    assert ("a", "about", 0.0) in effects


def test_a_word_goes_wherever_it_stands_in_its_column_and_whole_words_only() -> None:
    (effects,) = explained({"name": "Gold, gold and (GOLD) golden"})
    assert [word for word, _, _ in effects].count("Gold") == 1
    # "golden" still holds the four letters, so nothing is lost when the word alone goes
    assert {word: effect for word, _, effect in effects}["Gold"] == 0.0
    (effects,) = explained({"name": "Gold, gold and (GOLD)"})
    assert effects[0] == ("Gold", "name", 100.0)


def test_chinese_is_cut_in_pieces_of_two() -> None:
    (effects,) = explained({"name": "补水面膜12片"})
    assert effects[:2] == [("补水", "name", 30.0), ("面膜", "name", 7.0)]


def test_all_variants_of_all_listings_are_priced_in_one_call() -> None:
    model = WordWorth()
    listings = pd.DataFrame({"name": ["gold ring", "ring"], "cost": [1.0, 2.0]})
    effects = explain_words(model, listings, COLUMNS)
    assert model.asked == [2 + 2 + 1]
    assert [one.word for one in effects[0]] == ["gold", "ring"]
    # without its only word the second listing has no price, so nothing can be said of the word
    assert effects[1] == ()


def test_missing_values_and_columns_are_passed_over() -> None:
    rows = [{"name": None, "about": "gold"}, {"name": float("nan"), "about": "ring"}]
    assert [[word for word, _, _ in effects] for effects in explained(*rows)] == [[], []]
    (effects,) = explained({"name": 12.5, "about": "gold ring"})
    assert ("gold", "about", 100.0) in effects


def test_text_attributes_are_explained_too() -> None:
    columns = ColumnMap(text=("about",), numeric=("weight",))
    effects = explain_words(WordWorth(), pd.DataFrame({"about": ["gold ring"], "weight": [3]}), columns)
    assert [one.word for one in effects[0]] == ["gold", "ring"]


def test_at_most_so_many_words_from_the_start_of_the_title() -> None:
    (effects,) = explained({"name": "cheap ring of gold", "about": "gold"}, max_words=2)
    assert {word for word, _, _ in effects} == {"cheap", "ring"}


def test_the_listings_are_left_as_they_were() -> None:
    listings = pd.DataFrame({"name": ["gold ring"]}, index=[7])
    before = listings.copy()
    explain_words(WordWorth(), listings, COLUMNS)
    pd.testing.assert_frame_equal(listings, before)


def test_nothing_in_nothing_out() -> None:
    assert explain_words(WordWorth(), pd.DataFrame({"name": []}), COLUMNS) == []


def test_no_words_at_all_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        explained({"name": "gold"}, max_words=0)


@given(st.text(max_size=60))
def test_words_are_found_once_and_as_they_are_written(text: str) -> None:
    words = split_words(text)
    assert all(word and word in text for word in words)
    assert len({word.casefold() for word in words}) == len(words)
