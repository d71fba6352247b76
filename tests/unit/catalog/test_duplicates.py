from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.catalog.duplicates import _bucket_pairs, duplicate_groups
from pricelm.core.errors import ConfigError

WORDS = [
    f"{start}{middle}{end}" for start in "bdklmt" for middle in "aeiou" for end in ("n", "rsk", "lto", "mp")
]


def brute_force_groups(texts: list[str], threshold: float) -> np.ndarray:
    """Every pair compared, by sets of strings; joined by repeated relabeling."""

    def pieces(text: str) -> set[str]:
        padded = "\0\0\0" + text + "\0\0\0"
        return {padded[i : i + 4] for i in range(len(padded) - 3) if i < len(text) + 3}

    sets = [pieces(text) for text in texts]
    labels = np.arange(len(texts))
    for i in range(len(texts)):
        for j in range(i):
            shared = len(sets[i] & sets[j])
            if shared / len(sets[i] | sets[j]) >= threshold:
                labels[labels == labels[i]] = labels[j]
    return labels


def same_partition(left: np.ndarray, right: np.ndarray) -> bool:
    return len(set(zip(left.tolist(), right.tolist(), strict=True))) == len(set(left)) == len(set(right))


def edited_copies(rng: np.random.Generator, n_sources: int) -> list[str]:
    """Sources of random words, each with copies in which up to four words are replaced."""
    texts = []
    for _ in range(n_sources):
        source = rng.choice(WORDS, size=rng.integers(1, 25)).tolist()
        for _ in range(rng.integers(1, 5)):
            copy = list(source)
            for _ in range(rng.integers(0, 4)):
                copy[rng.integers(len(copy))] = str(rng.choice(WORDS))
            texts.append(" ".join(copy))
    return texts


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.85, 0.95])
@pytest.mark.parametrize("data_seed", range(4))
def test_groups_are_those_of_brute_force(threshold: float, data_seed: int) -> None:
    texts = edited_copies(np.random.default_rng(data_seed), 40)
    expected = brute_force_groups(texts, threshold)
    assert len(texts) > len(set(expected)) > 1
    assert same_partition(duplicate_groups(texts, threshold=threshold, seed=data_seed), expected)


@settings(deadline=None, max_examples=50)
@given(texts=st.lists(st.text(alphabet="abc 你好", max_size=8), max_size=12), threshold=st.floats(0.3, 1.0))
def test_never_joins_what_brute_force_keeps_apart(texts: list[str], threshold: float) -> None:
    folded = [" ".join(text.split()) for text in texts]
    groups = duplicate_groups(texts, threshold=threshold)
    expected = brute_force_groups(folded, threshold)
    for i in range(len(texts)):
        for j in range(i):
            if groups[i] == groups[j]:
                assert expected[i] == expected[j]
            if folded[i] and folded[i] == folded[j]:
                assert groups[i] == groups[j]


def test_case_width_punctuation_and_spaces_do_not_count() -> None:
    texts = [
        "Ｎｉｋｅ Air-Max 90",
        "nike air max  90!",
        "NIKE: AIR MAX 90",
        "圣诞帽【包邮】",
        "圣诞帽 包邮",
        "nike air max 95",
    ]
    assert duplicate_groups(texts, threshold=1.0).tolist() == [0, 0, 0, 1, 1, 2]


def test_chains_are_one_group() -> None:
    words = WORDS[:40]
    texts = [" ".join(words[:start] + words[start + 2 :]) for start in (0, 2, 4)]
    chain = [" ".join(words), *texts]
    groups = duplicate_groups(chain, threshold=0.85)
    assert set(groups) == {0}
    assert duplicate_groups([chain[1], chain[2]], threshold=0.95).tolist() == [0, 1]


def test_rows_without_words_stay_alone() -> None:
    assert duplicate_groups(["", "", "!!!", "mug", "mug"]).tolist() == [0, 1, 2, 3, 3]


def test_no_rows_and_one_row() -> None:
    assert duplicate_groups([]).tolist() == []
    assert duplicate_groups(["mug"]).tolist() == [0]


def test_lone_surrogates_are_texts_too() -> None:
    assert duplicate_groups(["mug \ud800", "mug \ud800", "plate"]).tolist() == [0, 0, 1]


def test_same_seed_same_groups_and_the_seed_does_not_matter_here() -> None:
    texts = edited_copies(np.random.default_rng(7), 60)
    first = duplicate_groups(texts, seed=1)
    assert (first == duplicate_groups(texts, seed=1)).all()
    assert (first == duplicate_groups(texts, seed=2)).all()
    assert first.dtype == np.int64
    assert first[0] == 0 and first.max() + 1 == len(set(first))


def test_a_bucket_of_thousands_costs_a_window_each_not_the_square() -> None:
    one_bucket = np.zeros(5_000, dtype=np.uint64)
    first, second = _bucket_pairs(one_bucket, np.full(5_000, 60), 0.85)
    assert len(first) == len(second) <= 5_000 * 32
    assert (first != second).all()


def test_blocks_give_what_one_block_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = edited_copies(np.random.default_rng(3), 60)
    whole = duplicate_groups(texts)
    monkeypatch.setattr("pricelm.catalog.duplicates._SHINGLES_AT_ONCE", 100)
    assert (duplicate_groups(texts) == whole).all()


@pytest.mark.parametrize("threshold", [0, -0.5, 1.01])
def test_a_threshold_outside_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigError, match="above 0 and at most 1"):
        duplicate_groups(["mug"], threshold=threshold)
