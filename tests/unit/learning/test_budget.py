"""Budgets of time: how they are written, and how much is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricelm.core.errors import ConfigError
from pricelm.learning.budget import Budget, clock_left, parse_duration

SIZES = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@given(
    st.fixed_dictionaries({}, optional={unit: st.integers(0, 90) for unit in SIZES}).filter(
        lambda parts: sum(parts.values()) > 0
    ),
    st.sampled_from(["", " "]),
    st.booleans(),
)
def test_every_duration_that_is_written_is_read(parts: dict[str, int], gap: str, capital: bool) -> None:
    text = gap.join(f"{parts[unit]}{unit}" for unit in SIZES if unit in parts)
    seconds = sum(parts.get(unit, 0) * size for unit, size in SIZES.items())
    assert parse_duration(text.upper() if capital else text) == seconds


@given(st.text(max_size=12))
def test_whatever_is_written_is_a_duration_or_a_clear_error(text: str) -> None:
    try:
        assert 0 < parse_duration(text) <= 365 * 86400
    except ConfigError as error:
        assert str(error).startswith("expected a duration such as 45s, 30m or 2h, got ")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("30", "no unit"),
        ("", "write numbers with the units"),
        ("soon", "write numbers with the units"),
        ("-5m", "write numbers with the units"),
        ("5m or so", "write numbers with the units"),
        ("5m1h", "larger one first"),
        ("1m 2m", "each unit once"),
        ("0s", "above nothing"),
        ("400d", "at most 365 days"),
    ],
)
def test_what_is_wrong_is_said(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        parse_duration(text)


def test_a_budget_runs_out(make_clock: Callable[..., Any]) -> None:
    clock = make_clock()
    budget = Budget(10, clock)
    clock.now = 4
    assert (budget.left, budget.elapsed, budget.spent) == (6, 4, False)
    clock.now = 11
    assert (budget.left, budget.spent) == (0, True)
    assert Budget(None, clock).left is None and not Budget(None, clock).spent


def test_the_time_left_is_written_as_a_clock() -> None:
    assert [clock_left(seconds) for seconds in (0.2, 60, 3599.5)] == ["0:01", "1:00", "1:00:00"]
