"""The memory of texts: bounded, forgets what was not used for longest, counts right."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricelm.serving.cache import TextCache

STEPS = st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=6), max_size=30)


@given(STEPS, st.integers(0, 5))
def test_it_behaves_like_a_list_that_forgets(steps: list[list[str]], capacity: int) -> None:
    cache, model = TextCache(capacity), OrderedDict[str, float]()
    hits = misses = 0
    for texts in steps:
        found = cache.look_up(texts)
        for text, value in zip(texts, found, strict=True):
            assert (text in model) == (not np.isnan(value))
            if text in model:
                assert value == model[text]
                model.move_to_end(text)
                hits += 1
            else:
                misses += 1
        cache.store(texts, np.array([float(ord(text)) for text in texts]))
        for text in texts:
            model[text] = float(ord(text))
            model.move_to_end(text)
        while len(model) > capacity:
            model.popitem(last=False)
    statistics = cache.statistics()
    assert (statistics.hits, statistics.misses, statistics.entries) == (hits, misses, len(model))


def test_what_is_no_number_is_not_remembered() -> None:
    cache = TextCache(3)
    cache.store(["a", "b"], np.array([np.nan, np.inf]))
    assert cache.statistics().entries == 0


def test_any_string_can_be_asked_for() -> None:
    cache = TextCache(3)
    cache.store(["\ud800", "", "x" * 10**6], np.array([1.0, 2.0, 3.0]))
    assert cache.look_up(["", "\ud800", "x" * 10**6, "\ud801"])[:3].tolist() == [2.0, 1.0, 3.0]
