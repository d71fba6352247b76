"""Scripts are told apart by letters; digits and signs say nothing."""

from __future__ import annotations

import pytest

from pricelm.language.scripts import script_shares


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Käse, 12.5 % [neu]", "Latin"),
        ("красное вино", "Cyrillic"),
        ("葡萄酒礼盒", "Chinese"),
        ("赤ワイン（750ml）", "Japanese"),
        ("레드 와인", "Korean"),
        ("κρασί", "Greek"),
        ("نبيذ", "Arabic"),
    ],
)
def test_the_script_of_most_letters_comes_first(text: str, script: str) -> None:
    assert next(iter(script_shares([text]))) == script


def test_shares_add_up_and_leave_out_what_is_no_letter() -> None:
    shares = script_shares(["Red wine 红酒 ~^_` × 12", "", "№ 5"])
    assert shares == {"Latin": 7 / 9, "Chinese": 2 / 9}
    assert script_shares([]) == script_shares(["12.50 €"]) == {}


def test_a_broken_character_is_no_reason_to_stop() -> None:
    assert script_shares(["wine \ud800"]) == {"Latin": 1.0}
