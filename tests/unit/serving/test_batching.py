"""Dynamic batching against a model whose time the test itself decides."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.core.errors import ConfigError, DeadlinePassed, Overloaded
from pricelm.serving.batching import BatchLimits, TokenBatcher, _Pace


class Model:
    """Doubles numbers; with ``held`` set it waits until the test lets a batch go."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.started = threading.Semaphore(0)
        self.gate = threading.Semaphore(0) if held else None

    def __call__(self, rows: list[int]) -> list[int]:
        self.batches.append(list(rows))
        self.started.release()
        if self.gate is not None:
            assert self.gate.acquire(timeout=20)
        if any(row < 0 for row in rows):
            raise ValueError("a poisoned row")
        return [row * 2 for row in rows]

    async def begun(self) -> None:
        """Wait until one more batch is being worked on."""
        assert await asyncio.to_thread(self.started.acquire, timeout=20)

    def let_go(self, batches: int = 1) -> None:
        assert self.gate is not None
        self.gate.release(batches)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(body: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        return await asyncio.wait_for(body(), 30)

    return asyncio.run(bounded())


def test_a_lone_caller_is_served_at_once_and_alone() -> None:
    async def body() -> None:
        model = Model()
        batcher = TokenBatcher(model, BatchLimits())
        for number in range(3):
            assert await batcher.submit([number], [5]) == [number * 2]
        assert model.batches == [[0], [1], [2]]
        await batcher.close()

    run(body)


def test_those_who_wait_go_together_up_to_the_budget() -> None:
    async def body() -> None:
        model = Model(held=True)
        batcher = TokenBatcher(model, BatchLimits(batch_tokens=30))
        first = asyncio.create_task(batcher.submit([0], [10]))
        await model.begun()
        others = [asyncio.create_task(batcher.submit([n], [10])) for n in range(1, 6)]
        await asyncio.sleep(0)
        model.let_go(3)
        assert await asyncio.gather(first, *others) == [[n * 2] for n in range(6)]
        assert model.batches == [[0], [1, 2, 3], [4, 5]]
        await batcher.close()

    run(body)


def test_a_small_request_waits_for_one_batch_of_a_large_one_not_for_all() -> None:
    async def body() -> None:
        model = Model(held=True)
        batcher = TokenBatcher(model, BatchLimits(batch_tokens=4))
        large = asyncio.create_task(batcher.submit(list(range(12)), [1] * 12))
        await model.begun()
        small = asyncio.create_task(batcher.submit([100], [1]))
        await asyncio.sleep(0)
        model.let_go(2)
        assert await small == [200]
        assert not large.done()
        model.let_go(9)
        assert await large == [n * 2 for n in range(12)]
        assert model.batches[0] == [0, 1, 2, 3]
        assert 100 in model.batches[1]
        await batcher.close()

    run(body)


def test_one_row_beyond_the_budget_still_has_its_turn() -> None:
    async def body() -> None:
        model = Model()
        batcher = TokenBatcher(model, BatchLimits(batch_tokens=10))
        assert await batcher.submit([1, 2, 3], [50, 50, 1]) == [2, 4, 6]
        assert model.batches == [[1], [2], [3]]
        await batcher.close()

    run(body)


def test_the_queue_is_bounded_and_says_when_to_come_again() -> None:
    async def body() -> None:
        model, clock = Model(held=True), Clock()
        limits = BatchLimits(batch_tokens=100, queue_tokens=10_000, queue_seconds=2.0)
        batcher = TokenBatcher(model, limits, clock=clock)
        first = asyncio.create_task(batcher.submit([0], [100]))
        await model.begun()
        clock.now += 1.0  # half a second a batch and 5 ms a token, while there is one size only
        model.let_go()
        await first
        running = asyncio.create_task(batcher.submit([1], [100]))
        await model.begun()
        waiting = [asyncio.create_task(batcher.submit([n], [60])) for n in (2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match=r"would be 2.6 s") as caught:
            await batcher.submit([9], [1])
        assert caught.value.retry_after_seconds == pytest.approx(2.6)
        assert batcher.counts.refused == 1
        # one that takes three seconds itself may wait for 2.6
        batcher.check_wait(300)
        large = asyncio.create_task(batcher.submit(list(range(10, 13)), [100] * 3))
        await asyncio.sleep(0)
        model.let_go(8)
        assert await asyncio.gather(running, *waiting) == [[2], [4], [6]]
        assert await large == [20, 22, 24]
        await batcher.close()

    run(body)


@given(fixed=st.floats(0.001, 0.1), per_token=st.floats(1e-5, 1e-3), seed=st.integers(0, 100))
def test_the_pace_is_found_where_batches_differ_in_size(fixed: float, per_token: float, seed: int) -> None:
    pace = _Pace()
    assert pace.seconds(3, 1000) == 0.0
    sizes = np.random.default_rng(seed).integers(10, 4000, 60)
    for size in sizes:
        pace.learn(int(size), fixed + per_token * float(size))
    if per_token / ((fixed + per_token * sizes.mean()) / sizes.mean()) >= 0.2:
        assert pace.seconds(2, 5000) == pytest.approx(2 * fixed + 5000 * per_token, rel=0.15)


def test_lone_requests_do_not_make_it_look_slow() -> None:
    """200 lone ones of 50 tokens in 20 ms: ten of them in one batch are not thought to take 200 ms."""
    pace = _Pace()
    for _ in range(200):
        pace.learn(50, 0.02)
    assert pace.seconds(1, 500) == pytest.approx(0.01 + 0.1)
    pace.learn(500, 0.05)
    assert pace.seconds(1, 500) < 0.06


def test_memory_is_bounded_before_the_speed_is_known() -> None:
    async def body() -> None:
        model = Model(held=True)
        batcher = TokenBatcher(model, BatchLimits(batch_tokens=10, queue_tokens=100))
        tasks = [asyncio.create_task(batcher.submit([n], [10])) for n in range(10)]
        await model.begun()
        with pytest.raises(Overloaded, match="at most 100 tokens"):
            await batcher.submit([11], [10])
        model.let_go(20)
        assert len(await asyncio.gather(*tasks)) == 10
        await batcher.close()

    run(body)


def test_a_request_whose_time_is_over_is_told_so_and_not_computed() -> None:
    async def body() -> None:
        model, clock = Model(held=True), Clock()
        batcher = TokenBatcher(model, BatchLimits(), clock=clock)
        first = asyncio.create_task(batcher.submit([0], [1]))
        await model.begun()
        late = asyncio.create_task(batcher.submit([1], [1], timeout_seconds=5))
        patient = asyncio.create_task(batcher.submit([2], [1]))
        await asyncio.sleep(0)
        clock.now += 6
        model.let_go(2)
        with pytest.raises(DeadlinePassed):
            await late
        assert await patient == [4]
        await first
        assert model.batches == [[0], [2]]
        assert batcher.counts.expired == 1
        await batcher.close()

    run(body)


def test_who_hangs_up_is_not_computed() -> None:
    async def body() -> None:
        model = Model(held=True)
        batcher = TokenBatcher(model, BatchLimits(batch_tokens=2))
        first = asyncio.create_task(batcher.submit([0], [1]))
        await model.begun()
        gone = asyncio.create_task(batcher.submit([1, 2, 3, 4], [1] * 4))
        stays = asyncio.create_task(batcher.submit([5], [1]))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        model.let_go(2)
        assert await stays == [10]
        await first
        assert model.batches == [[0], [5]]
        assert batcher.counts.cancelled == 1
        assert batcher.waiting_tokens == 0
        await batcher.close()

    run(body)


def test_a_poisoned_row_fails_only_its_own_request() -> None:
    async def body() -> None:
        model = Model(held=True)
        batcher = TokenBatcher(model, BatchLimits())
        first = asyncio.create_task(batcher.submit([0], [1]))
        await model.begun()
        good = asyncio.create_task(batcher.submit([1], [1]))
        bad = asyncio.create_task(batcher.submit([2, -1], [1, 1]))
        also_good = asyncio.create_task(batcher.submit([3], [1]))
        await asyncio.sleep(0)
        model.let_go(10)
        assert await asyncio.gather(first, good, also_good) == [[0], [2], [6]]
        with pytest.raises(ValueError, match="poisoned"):
            await bad
        model.let_go()
        assert await batcher.submit([7], [1]) == [14]
        await batcher.close()

    run(body)


def test_a_model_that_loses_rows_is_noticed() -> None:
    async def body() -> None:
        batcher: TokenBatcher[int, int] = TokenBatcher(lambda rows: rows[1:], BatchLimits())
        with pytest.raises(RuntimeError, match="expected 2 results, got 1"):
            await batcher.submit([1, 2], [1, 1])
        await batcher.close()

    run(body)


def test_closing_answers_what_waits_and_refuses_what_comes() -> None:
    async def body() -> None:
        model = Model(held=True)
        batcher = TokenBatcher(model, BatchLimits(batch_tokens=1))
        tasks = [asyncio.create_task(batcher.submit([n], [1])) for n in range(3)]
        await model.begun()
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="replaced"):
            await batcher.submit([9], [1])
        model.let_go(3)
        assert await asyncio.gather(*tasks) == [[0], [2], [4]]
        await closing

    run(body)


def test_lengths_belong_to_rows() -> None:
    async def body() -> None:
        batcher: TokenBatcher[int, int] = TokenBatcher(list, BatchLimits())
        with pytest.raises(ConfigError):
            await batcher.submit([1, 2], [1])
        assert await batcher.submit([], []) == []
        await batcher.close()

    run(body)


@pytest.mark.parametrize("name", ["batch_tokens", "queue_tokens", "queue_seconds", "timeout_seconds"])
def test_limits_are_above_zero(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        BatchLimits(**{name: 0})


@settings(max_examples=40, deadline=None)
@given(
    requests=st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=12),
    budget=st.integers(1, 60),
    dropped=st.sets(st.integers(0, 11)),
)
def test_everyone_gets_their_own_rows_in_order(
    requests: list[list[int]], budget: int, dropped: set[int]
) -> None:
    """Whatever the sizes, the budget and who hangs up: no row is lost, doubled, or given to another."""

    async def body() -> None:
        model = Model()
        batcher = TokenBatcher(model, BatchLimits(batch_tokens=budget, queue_seconds=1e9))
        rows = [[number * 1000 + n for n in range(len(lengths))] for number, lengths in enumerate(requests)]
        tasks = [
            asyncio.create_task(batcher.submit(mine, lengths))
            for mine, lengths in zip(rows, requests, strict=True)
        ]
        await asyncio.sleep(0)
        for number in dropped & set(range(len(tasks))):
            tasks[number].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for number, answer in enumerate(answers):
            if not isinstance(answer, asyncio.CancelledError):
                assert answer == [row * 2 for row in rows[number]]
        length = {
            row: size
            for mine, sizes in zip(rows, requests, strict=True)
            for row, size in zip(mine, sizes, strict=True)
        }
        for batch in model.batches:
            assert len(batch) == 1 or sum(length[row] for row in batch) <= budget
        done = [row for batch in model.batches for row in batch]
        assert len(done) == len(set(done))
        await batcher.close()

    run(body)
