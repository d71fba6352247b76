from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricelm.catalog import cleaning
from pricelm.catalog.cleaning import clean_column, clean_text


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("<p>Big&nbsp;<b>sale</b><br/>now</p>", "Big sale now"),
        ("&lt;b&gt;bold&lt;/b&gt; &amp; more", "bold & more"),
        ("a < b > c and 3<5", "a < b > c and 3<5"),
        ("I <3 this", "I <3 this"),
        ("x<script>alert('1 < 2')</script>y<STYLE>p{}</style>z", "x y z"),
        ("before<!-- hidden <b> -->after", "before after"),
        ("Ｎｅｗ　ｃａｓｅ　１２８ＧＢ", "New case 128GB"),
        ("5½ inch, ¾ cup", "5 1/2 inch, 3/4 cup"),
        ("BOOST™ Acme®", "BOOST Acme"),
        ("12 m²", "12 m2"),
        ("tab\there\r\nand\x00 \x07there", "tab here and there"),
        ("zero\u200bwidth\ufeff and \u202ebidi", "zerowidth and bidi"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("gift 🎁 and 👩\u200d👩\u200d👧", "gift 🎁 and 👩\u200d👩\u200d👧"),
        ("纯棉衬衫，男士　红色", "纯棉衬衫,男士 红色"),
        ("İ<SCRIPT>x</SCRIPT>y", "İ y"),
        ("  spaces   inside  ", "spaces inside"),
        ("", ""),
    ],
)
def test_texts(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        (None, ""),
        (np.nan, ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (3.0, "3"),
        (3.5, "3.5"),
        (7, "7"),
        (np.float64(2), "2"),
    ],
)
def test_values_that_are_no_text(value: object, clean: str) -> None:
    assert clean_text(value) == clean


def test_columns_keep_index_and_name() -> None:
    column = clean_column(pd.Series(["a  b", None, "clean"], index=[5, 7, 9], name="title"))
    assert column.to_dict() == {5: "a b", 7: "", 9: "clean"} and column.name == "title"
    assert clean_column(pd.Series([1.0, np.nan])).tolist() == ["1", ""]
    assert clean_column(pd.Series(["x", None], dtype="category")).tolist() == ["x", ""]


MARKED = st.text(st.sampled_from("aé½™ \t\n<>&/;!-b\u200b\u0301\u3000①lt") | st.characters(), max_size=40)


@given(MARKED)
def test_clean_text_has_no_control_characters_or_double_spaces(text: str) -> None:
    clean = clean_text(text)
    assert "  " not in clean and clean == clean.strip()
    assert not any(character < " " or "\ud800" <= character <= "\udfff" for character in clean)
    clean.encode("utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "<a" * 500_000,
        "<" * 1_000_000,
        "<a " + "x" * 1_000_000,
        "<script>" * 125_000,
        "<!--" * 250_000,
        "&lt;" * 250_000,
        "&#" * 500_000,
        "a" + "\u0327\u0301" * 500_000,
        "word & <b>bold</b> " * 50_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_megabyte_of_anything_is_cleaned(text: str) -> None:
    # linear work takes a second at most; the quadratic kind would take hours
    assert len(clean_text(text)) <= len(text)


@given(MARKED)
def test_the_fast_path_changes_nothing(text: str) -> None:
    if cleaning._is_clean(text):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cleaning, "_is_clean", lambda _: False)
            assert clean_text(text) == text
