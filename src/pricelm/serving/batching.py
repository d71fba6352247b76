"""Dynamic batching: whoever waits while the model works is priced together in its next batch.

A lone caller never waits: its rows start at once. While a batch is computed, further requests
gather; the next batch takes rows from each of them in turn until its budget of tokens is spent, so
that a request of a thousand rows delays a small one by one batch and not by all of them. What could
not be answered in time is refused when it comes, with the time after which to try again.

It knows neither HTTP nor models: rows are anything, and ``compute`` turns rows into results.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from pricelm.core.errors import ConfigError, DeadlinePassed, Overloaded

Row = TypeVar("Row")
Result = TypeVar("Result")

_MEMORY = 0.9
_PATIENCE = 4.0
_LEAST_SPREAD = 0.1
_LEAST_SHARE_OF_TOKENS = 0.2


@dataclass(frozen=True)
class BatchLimits:
    """How much is priced at once, and how much may wait.

    Parameters
    ----------
    batch_tokens : int, default 4096
        Tokens of one batch; a single row may have more.
    queue_tokens : int, default 262144
        Tokens of all requests that wait or are worked on: a bound on memory.
    queue_seconds : float, default 0.2
        Longest time until a new request has its first turn, estimated from the speed of late. A request
        that takes long itself may wait four times as long as it takes.
    timeout_seconds : float, default 30.0
        Time for one request where its caller names none.

    Raises
    ------
    ConfigError
        If a limit is not above zero.

    Examples
    --------
    >>> BatchLimits(batch_tokens=1024).queue_seconds
    0.2
    """

    batch_tokens: int = 4096
    queue_tokens: int = 262_144
    queue_seconds: float = 0.2
    timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ConfigError(f"expected {name} above 0, got {value}")


@dataclass(eq=False)
class _Request(Generic[Row, Result]):
    rows: Sequence[Row]
    tokens: Sequence[int]
    deadline: float
    answer: asyncio.Future[list[Result]]
    left: int
    taken: int = 0
    results: list[Result] = field(default_factory=list)


class _Pace:
    """What batches of late took: a fixed part and a part for each token.

    By tokens a second alone, a service that has only seen lone requests would take itself for much
    slower than it is in large batches, and refuse what it could well do.
    """

    def __init__(self) -> None:
        self._weight = self._tokens = self._seconds = self._squares = self._products = 0.0

    def learn(self, tokens: int, seconds: float) -> None:
        """Take one batch into account; older ones count less and less."""
        new = (1.0, tokens, seconds, tokens * tokens, tokens * seconds)
        old = (self._weight, self._tokens, self._seconds, self._squares, self._products)
        self._weight, self._tokens, self._seconds, self._squares, self._products = (
            _MEMORY * before + value for before, value in zip(old, new, strict=True)
        )

    def seconds(self, batches: int, tokens: int) -> float:
        """Estimate the time of some batches that have so many tokens together; 0 before the first."""
        if self._tokens <= 0:
            return 0.0
        mean_tokens, mean_seconds = self._tokens / self._weight, self._seconds / self._weight
        highest = mean_seconds / mean_tokens
        spread = self._squares / self._weight - mean_tokens**2
        together = self._products / self._weight - mean_tokens * mean_seconds
        # batches of one size say nothing of how a larger one would do: then half of it counts as fixed
        known = spread > (_LEAST_SPREAD * mean_tokens) ** 2
        slope = together / spread if known else highest / 2
        slope = min(max(slope, _LEAST_SHARE_OF_TOKENS * highest), highest)
        return batches * (mean_seconds - slope * mean_tokens) + tokens * slope


_Part: TypeAlias = tuple[_Request[Row, Result], range]


@dataclass
class BatchCounts:
    """What a batcher has done since it began."""

    batches: int = 0
    rows: int = 0
    refused: int = 0
    expired: int = 0
    cancelled: int = 0


class TokenBatcher(Generic[Row, Result]):
    """Gathers rows of concurrent requests into batches for one model.

    Parameters
    ----------
    compute : callable
        Takes a list of rows, returns as many results in the same order. It runs in a thread of its
        own, one call at a time.
    limits : BatchLimits
        Budget of a batch and bounds of the queue.
    clock : callable, default time.monotonic
        Seconds that never go backwards.
    observe : callable, optional
        Told (rows, tokens, seconds) after every batch.

    Examples
    --------
    >>> async def ask():
    ...     batcher = TokenBatcher(lambda rows: [row * 2 for row in rows], BatchLimits())
    ...     answers = await batcher.submit([1, 2, 3], [10, 10, 10])
    ...     await batcher.close()
    ...     return answers
    >>> asyncio.run(ask())
    [2, 4, 6]
    """

    def __init__(
        self,
        compute: Callable[[list[Row]], Sequence[Result]],
        limits: BatchLimits,
        *,
        clock: Callable[[], float] = time.monotonic,
        observe: Callable[[int, int, float], None] | None = None,
    ) -> None:
        self._compute = compute
        self._limits = limits
        self._clock = clock
        self._observe = observe
        self._queue: deque[_Request[Row, Result]] = deque()
        self._unfinished: list[_Request[Row, Result]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pricelm-batch")
        self._worker: asyncio.Task[None] | None = None
        self._pace = _Pace()
        self._running_tokens = 0
        self._closing = False
        self.counts = BatchCounts()

    @property
    def waiting_tokens(self) -> int:
        """Tokens that wait or are being worked on."""
        return self._running_tokens + sum(request.left for request in self._in_line())

    @property
    def waiting_requests(self) -> int:
        """Requests that wait for a turn."""
        return len(self._queue) + len(self._unfinished)

    def wait_seconds(self) -> float:
        """Estimate the time until a new request has its first turn; 0 while the speed is not known.

        Every request before it has one turn first, and a turn is one batch at most.
        """
        budget = self._limits.batch_tokens
        turns = sum(min(request.left, budget) for request in self._in_line())
        running = self._pace.seconds(1, self._running_tokens) if self._running_tokens else 0.0
        return running + self._pace.seconds(-(-turns // budget), turns)

    async def submit(
        self, rows: Sequence[Row], tokens: Sequence[int], timeout_seconds: float | None = None
    ) -> list[Result]:
        """Return the results of some rows.

        Parameters
        ----------
        rows : sequence, length n
            What to compute.
        tokens : sequence of int, length n
            Their lengths.
        timeout_seconds : float, optional
            Time for this request, by default that of the limits.

        Returns
        -------
        list, length n
            Results in the order of the rows.

        Raises
        ------
        Overloaded
            At once, if too much waits already or the batcher is closing.
        DeadlinePassed
            If the time is over before the last row had its turn.
        """
        if len(rows) != len(tokens):
            raise ConfigError(f"expected a length for each of the {len(rows)} rows, got {len(tokens)}")
        if not rows:
            return []
        self._admit(sum(tokens))
        allowed = self._limits.timeout_seconds if timeout_seconds is None else timeout_seconds
        request: _Request[Row, Result] = _Request(
            rows, tokens, self._clock() + allowed, asyncio.get_running_loop().create_future(), sum(tokens)
        )
        self._queue.append(request)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        # the task that is cancelled when a caller hangs up is the one that waits here
        return await request.answer

    async def close(self) -> None:
        """Answer what waits, refuse what comes, and stop the thread."""
        self._closing = True
        if self._worker is not None:
            await asyncio.wait([self._worker])
        self._thread.shutdown(wait=False)

    def check_wait(self, tokens: int) -> None:
        """Refuse a request of so many tokens if it would have to wait too long.

        Asked before a request is prepared, it keeps the refused ones from taking time of the others.

        Raises
        ------
        Overloaded
            With the time after which to try again.
        """
        wait = self.wait_seconds()
        takes = self._pace.seconds(-(-tokens // self._limits.batch_tokens), tokens)
        bearable = max(self._limits.queue_seconds, _PATIENCE * takes)
        if wait > bearable:
            self._refuse(
                f"expected a wait of at most {bearable:.2g} s, and it would be {wait:.2g} s: send it again "
                "later",
                wait,
            )

    def _admit(self, tokens: int) -> None:
        if self._closing:
            self._refuse("the model is being replaced or the service stops: send it again", 1.0)
        self.check_wait(tokens)
        # an idle service takes a request of any size; its caller bounds the number of rows
        if self.waiting_requests and self.waiting_tokens + tokens > self._limits.queue_tokens:
            self._refuse(
                f"expected at most {self._limits.queue_tokens:,} tokens waiting, and there are "
                f"{self.waiting_tokens:,}: send it again later, or smaller",
                self.wait_seconds(),
            )

    def _refuse(self, message: str, retry_after_seconds: float) -> None:
        self.counts.refused += 1
        raise Overloaded(message, retry_after_seconds)

    async def _work(self) -> None:
        while batch := self._next_batch():
            try:
                await self._run(batch)
            except Exception:
                # one bad row must not fail the requests that happened to share its batch
                for part in batch:
                    await self._run_alone(part)

    async def _run(self, batch: list[_Part[Row, Result]]) -> None:
        rows = [request.rows[number] for request, numbers in batch for number in numbers]
        tokens = sum(request.tokens[number] for request, numbers in batch for number in numbers)
        self._running_tokens = tokens
        started = self._clock()
        try:
            results: Sequence[Any] = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._compute, rows
            )
        finally:
            self._running_tokens = 0
        if len(results) != len(rows):
            raise RuntimeError(f"expected {len(rows)} results, got {len(results)}")
        self._measure(len(rows), tokens, self._clock() - started)
        self._hand_out(batch, results)

    async def _run_alone(self, part: _Part[Row, Result]) -> None:
        request = part[0]
        try:
            await self._run([part])
        except Exception as error:
            self._unfinished = [one for one in self._unfinished if one is not request]
            if not request.answer.done():
                request.answer.set_exception(error)

    def _next_batch(self) -> list[_Part[Row, Result]]:
        """Take rows from each request in turn; what is left of one goes to the end of the queue."""
        batch: list[_Part[Row, Result]] = []
        # behind whoever came while their last turn was computed
        self._queue.extend(self._unfinished)
        self._unfinished = []
        budget = self._limits.batch_tokens
        while self._queue and budget > 0:
            request = self._queue[0]
            if self._is_over(request):
                self._queue.popleft()
                continue
            begin = end = request.taken
            while end < len(request.rows) and (request.tokens[end] <= budget or not (batch or end > begin)):
                budget -= request.tokens[end]
                end += 1
            if end == begin:
                break
            self._queue.popleft()
            batch.append((request, range(begin, end)))
            request.taken, request.left = end, request.left - sum(request.tokens[begin:end])
            if end < len(request.rows):
                self._unfinished.append(request)
                break
        return batch

    def _in_line(self) -> Iterator[_Request[Row, Result]]:
        yield from self._queue
        yield from self._unfinished

    def _is_over(self, request: _Request[Row, Result]) -> bool:
        if request.answer.done():
            self.counts.cancelled += 1
            return True
        if self._clock() < request.deadline:
            return False
        self.counts.expired += 1
        message = (
            "the time allowed for this request was over before it was its turn: allow more, or send less"
        )
        request.answer.set_exception(DeadlinePassed(message, max(self.wait_seconds(), 1.0)))
        return True

    def _hand_out(self, batch: list[_Part[Row, Result]], results: Sequence[Any]) -> None:
        begin = 0
        for request, numbers in batch:
            request.results.extend(results[begin : begin + len(numbers)])
            begin += len(numbers)
            if len(request.results) == len(request.rows) and not request.answer.done():
                request.answer.set_result(request.results)

    def _measure(self, rows: int, tokens: int, seconds: float) -> None:
        self.counts.batches += 1
        self.counts.rows += rows
        self._pace.learn(tokens, seconds)
        if self._observe is not None:
            self._observe(rows, tokens, seconds)
