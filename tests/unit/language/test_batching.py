"""Batches: every text once an epoch, little padding, the same order for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricelm.language.batching import BatchPlan, padding_share, token_budget_batches

LENGTHS = np.random.default_rng(0).integers(3, 65, 1000)


def batches_of(plan: BatchPlan, lengths: np.ndarray, epoch: int = 0) -> list[np.ndarray]:
    return [rows for step in plan.epoch(lengths, epoch) for rows in step]


@given(
    n=st.integers(1, 300),
    batch_size=st.integers(1, 40),
    accumulation=st.integers(1, 4),
    bucketed=st.booleans(),
    seed=st.integers(0, 5),
)
def test_each_text_stands_in_exactly_one_batch(
    n: int, batch_size: int, accumulation: int, bucketed: bool, seed: int
) -> None:
    plan = BatchPlan(batch_size, accumulation, bucketed, seed)
    steps = plan.epoch(LENGTHS[:n], epoch=seed)
    rows = np.concatenate([batch for step in steps for batch in step])
    assert sorted(rows) == list(range(n))
    assert len(steps) == plan.steps_per_epoch(n)
    assert all(len(batch) <= batch_size for step in steps for batch in step)
    assert all(len(step) <= accumulation for step in steps)


def test_buckets_waste_less_padding() -> None:
    plain = padding_share(LENGTHS, batches_of(BatchPlan(32, bucketed=False), LENGTHS))
    bucketed = padding_share(LENGTHS, batches_of(BatchPlan(32, bucketed=True), LENGTHS))
    assert plain > 0.35
    assert bucketed < 0.05


def test_buckets_do_not_come_in_order_of_length() -> None:
    widths = [LENGTHS[rows].max() for rows in batches_of(BatchPlan(32), LENGTHS)]
    assert sorted(widths) != widths


@pytest.mark.parametrize("bucketed", [True, False])
def test_order_depends_on_seed_and_epoch_only(bucketed: bool) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return list(np.concatenate(batches_of(BatchPlan(32, bucketed=bucketed, seed=seed), LENGTHS, epoch)))

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_accumulated_batches_hold_the_texts_of_the_large_batch() -> None:
    large = BatchPlan(32).epoch(LENGTHS, 0)
    split = BatchPlan(8, accumulation_steps=4).epoch(LENGTHS, 0)
    assert [list(step[0]) for step in large] == [list(np.concatenate(step)) for step in split]


@given(st.lists(st.integers(1, 100), max_size=200), st.integers(1, 500))
def test_token_budget_is_kept(lengths: list[int], budget: int) -> None:
    array = np.array(lengths, dtype=np.int64)
    found = list(token_budget_batches(array, budget))
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or array[batch].max() * len(batch) <= budget for batch in found)
