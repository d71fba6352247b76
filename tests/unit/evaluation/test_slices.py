"""Coverage tests by group against scipy and brute force; slices and bands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pricelm.core.errors import ConfigError, DataError
from pricelm.evaluation import slices


def brute_force_holm(p_values: list[float]) -> list[float]:
    """Smallest level at which the step-down procedure rejects each, straight from its definition."""
    count = len(p_values)
    corrected = []
    for value in p_values:
        before = [p for p in p_values if p <= value]
        steps = [p * (count - sum(q < p for q in p_values)) for p in before]
        corrected.append(min(1.0, max(steps)))
    return corrected


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=0, max_size=12, unique=True))
def test_holm_equals_its_definition(p_values: list[float]) -> None:
    np.testing.assert_allclose(slices.holm(p_values), brute_force_holm(p_values))


def test_holm_equals_the_known_example_of_r() -> None:
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    np.testing.assert_allclose(slices.holm([0.05, 0.01, 0.03, 0.02, 0.04]), [0.09, 0.05, 0.09, 0.08, 0.09])


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_binomial_interval_equals_scipy(counts: tuple[int, int]) -> None:
    hits, rows = counts
    expected = stats.binomtest(hits, rows).proportion_ci(0.95, method="exact")
    found = slices.binomial_coverage(hits, rows)
    assert found.lower == pytest.approx(expected.low, abs=1e-9)
    assert found.upper == pytest.approx(expected.high, abs=1e-9)
    assert found.lower <= found.value <= found.upper


def prices_with_hits(hits: dict[str, tuple[int, int]]) -> tuple[np.ndarray, ...]:
    inside = np.concatenate([np.arange(rows) < hit for hit, rows in hits.values()])
    group = np.concatenate([[name] * rows for name, (_, rows) in hits.items()])
    actual = np.where(inside, 5.0, 50.0)
    return actual, np.full(actual.shape, 4.0), np.full(actual.shape, 6.0), group


def test_coverage_by_group_finds_the_group_that_is_off() -> None:
    counts = {"good": (180, 200), "bad": (143, 190), "luck": (101, 120), "edge": (90, 100), "small": (1, 99)}
    table = slices.coverage_by_group(*prices_with_hits(counts), level=0.9)
    assert table["group"].tolist() == ["good", "bad", "luck", "edge"]
    assert table["rows"].tolist() == [200, 190, 120, 100]
    assert table["coverage"].tolist() == pytest.approx([0.9, 143 / 190, 101 / 120, 0.9])
    raw = [stats.binomtest(hit, rows, 0.9).pvalue for hit, rows in list(counts.values())[:4]]
    np.testing.assert_allclose(table["p_value"], raw)
    # the third is below 0.05 by itself and not after the correction for four looks
    assert table["p_value"].iloc[2] < 0.05
    assert table["significant"].tolist() == [False, True, False, False]
    assert (table["coverage_lower"] < table["coverage"]).all()


def test_no_group_is_large_enough() -> None:
    table = slices.coverage_by_group(*prices_with_hits({"few": (9, 10)}), level=0.9)
    assert len(table) == 0 and "significant" in table.columns


def test_metrics_by_slice_are_the_metrics_of_the_rows() -> None:
    actual, predicted = np.array([10.0, 20.0, 30.0]), np.array([11.0, 26.0, 30.0])
    table = slices.metrics_by_slice(actual, predicted, ["b", "b", "a"], ["mae", "mdape"], min_rows=1)
    assert table.values.tolist() == [["b", 2, 3.5, pytest.approx(0.2), 15.0], ["a", 1, 0.0, 0.0, 30.0]]
    assert len(slices.metrics_by_slice(actual, predicted, ["b", "b", "a"], ["mae"], min_rows=2)) == 1


def test_small_groups_are_pooled() -> None:
    pooled = slices.pool_small_groups(["a"] * 3 + ["b"] * 2 + ["c"], min_rows=3)
    assert pooled.tolist() == ["a"] * 3 + [slices.SMALLER_GROUPS] * 3


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60), st.integers(1, 6))
def test_price_bands_are_at_most_as_many_as_asked(prices: list[float], n_bands: int) -> None:
    labels, edges = slices.price_bands(prices, n_bands)
    assert len(labels) == len(prices)
    assert len(edges) < n_bands
    assert (np.diff(edges) > 0).all()


def test_price_bands_hold_equally_many() -> None:
    labels, edges = slices.price_bands(np.arange(1.0, 101.0), 5)
    assert len(edges) == 4
    assert sorted(np.unique(labels, return_counts=True)[1]) == [20] * 5


def test_wrong_input_is_named() -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        slices.coverage_by_group([1.0], [0.0], [2.0], ["a"], level=90)
    with pytest.raises(DataError, match="one group label for each of 1"):
        slices.coverage_by_group([1.0], [0.0], [2.0], ["a", "b"], level=0.9)
    with pytest.raises(ConfigError, match="got nope"):
        slices.metrics_by_slice([1.0], [1.0], ["a"], ["nope"])
    with pytest.raises(DataError, match="5 of 3"):
        slices.binomial_coverage(5, 3)


def test_copies_of_one_product_are_not_independent_evidence() -> None:
    hit = np.repeat([True, False], [120, 40])
    actual = np.full(160, 5.0)
    lower, upper = np.where(hit, 4.0, 6.0), np.full(160, 7.0)
    group = np.full(160, "frozen meals")
    alone = slices.coverage_by_group(actual, lower, upper, group, level=0.9)
    copies = np.repeat(np.arange(8), 20)
    together = slices.coverage_by_group(actual, lower, upper, group, level=0.9, clusters=copies)
    assert alone["significant"].tolist() == [True]
    assert together["significant"].tolist() == [False]
    own = slices.coverage_by_group(actual, lower, upper, group, level=0.9, clusters=np.arange(160))
    assert own["p_value"].tolist() == alone["p_value"].tolist()


def test_many_clusters_that_are_all_off_are_found() -> None:
    cluster = np.repeat(np.arange(100), 3)
    hit = np.tile([True, True, False], 100)
    actual = np.full(300, 5.0)
    table = slices.coverage_by_group(
        actual, np.where(hit, 4.0, 6.0), np.full(300, 7.0), np.full(300, "a"), level=0.9, clusters=cluster
    )
    assert table["significant"].tolist() == [True]
