"""Groups of category and price, and what a small one borrows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricelm.models.price_groups import PriceGroups, mondrian_weights, shrunk_weights


def paths(**counts: int) -> np.ndarray:
    return np.array([name.replace("_", "/") for name, n in counts.items() for _ in range(n)], dtype=object)


@pytest.fixture
def groups() -> PriceGroups:
    category = paths(toys_cars_red=30, toys_cars=10, toys_dolls=24, books=40, rare=5)
    return PriceGroups().fit(category, np.linspace(0.0, 3.0, len(category)))


def test_frequent_paths_are_groups_at_every_depth(groups: PriceGroups) -> None:
    assert groups.names_ == [["books", "toys"], ["toys/cars"], ["toys/cars/red"]]


def test_a_listing_belongs_to_all_groups_on_its_path(groups: PriceGroups) -> None:
    category = np.array(["toys/cars/red", "toys/dolls", "books", "rare", "unheard/of"], dtype=object)
    chains = groups.chains(category, np.array([0.0, 1.5, 3.0, 0.0, 3.0]))
    assert chains.tolist() == [[2, 6, 0, 0], [2, 7, -1, -1], [1, 5, -1, -1], [0, 0, -1, -1], [0, 2, -1, -1]]


def test_no_rows_have_no_groups(groups: PriceGroups) -> None:
    assert groups.chains(np.array([], dtype=object), np.array([])).shape == (0, 4)


def test_groups_survive_json(groups: PriceGroups) -> None:
    again = PriceGroups.from_dict(json.loads(json.dumps(groups.to_dict())))
    category, predicted = paths(toys_cars=3, books=2), np.linspace(0, 3, 5)
    np.testing.assert_array_equal(again.chains(category, predicted), groups.chains(category, predicted))


def test_each_group_is_mixed_with_its_parent_as_fifty_rows() -> None:
    chains = np.array([[1, 3, -1, -1]] * 10 + [[2, 6, -1, -1]] * 90)
    weights, rows = shrunk_weights((1, 3, -1, -1), chains)
    everybody = 1 / 100
    top = (1 + 50 * everybody) / 60, 50 * everybody / 60
    band = (1 + 50 * top[0]) / 60, 50 * top[1] / 60
    np.testing.assert_allclose(weights, [band[0]] * 10 + [band[1]] * 90)
    assert rows == 100


def test_a_listing_of_no_known_group_is_one_of_all() -> None:
    chains = np.array([[1, 3, -1, -1]] * 10)
    weights, rows = shrunk_weights((0, 2, -1, -1), chains)
    np.testing.assert_allclose(weights, 0.1)
    assert rows == 10


def test_mondrian_takes_the_own_band_or_everybody() -> None:
    chains = np.array([[1, 3, -1, -1]] * 4 + [[1, 4, -1, -1]] * 6)
    np.testing.assert_allclose(mondrian_weights((1, 3, 0, 0), chains)[0], [0.25] * 4 + [0] * 6)
    np.testing.assert_allclose(mondrian_weights((1, 5, 0, 0), chains)[0], 0.1)


@given(
    st.lists(st.tuples(*[st.integers(-1, 3)] * 4), min_size=1, max_size=40),
    st.tuples(*[st.integers(-1, 3)] * 4),
)
def test_weights_are_a_distribution(chains: list[tuple[int, ...]], chain: tuple[int, ...]) -> None:
    for weigh in (shrunk_weights, mondrian_weights):
        weights, rows = weigh(chain, np.array(chains))
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(1)
        assert rows > 0
