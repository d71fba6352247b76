"""Which texts are read together: shuffled batches of similar length, reproducible by seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

# Sorting within 50 steps' worth of texts finds most of the savings and leaves the order random enough.
_STEPS_PER_BUCKET = 50

Step = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class BatchPlan:
    """Lays out an epoch as optimizer steps of one or more batches.

    Parameters
    ----------
    batch_size : int
        Texts a batch.
    accumulation_steps : int, default 1
        Batches a step; a step holds the same texts as one batch of ``batch_size * accumulation_steps``.
    bucketed : bool, default True
        Put texts of similar length together.
    seed : int, default 0
        Seed of the order.

    Examples
    --------
    >>> plan = BatchPlan(batch_size=2, bucketed=False)
    >>> steps = plan.epoch(np.array([3, 5, 4]), epoch=0)
    >>> sorted(int(row) for step in steps for batch in step for row in batch)
    [0, 1, 2]
    """

    batch_size: int
    accumulation_steps: int = 1
    bucketed: bool = True
    seed: int = 0

    @property
    def rows_per_step(self) -> int:
        """Texts a full step holds."""
        return self.batch_size * self.accumulation_steps

    def steps_per_epoch(self, n_texts: int) -> int:
        """Number of steps that an epoch over ``n_texts`` texts takes."""
        return -(-n_texts // self.rows_per_step)

    def epoch(self, lengths: np.ndarray, epoch: int) -> list[Step]:
        """Return the steps of one epoch; every text stands in exactly one batch.

        Parameters
        ----------
        lengths : ndarray of int, shape (n_texts,)
            Tokens of each text.
        epoch : int
            Number of the epoch, from 0; each has its own order.

        Returns
        -------
        list of tuple of ndarray
            For each step its batches, as positions of texts.
        """
        random = np.random.default_rng([self.seed, epoch])
        order = random.permutation(len(lengths))
        if self.bucketed:
            reach = self.rows_per_step * _STEPS_PER_BUCKET
            buckets = [order[start : start + reach] for start in range(0, len(order), reach)]
            order = np.concatenate([bucket[np.argsort(lengths[bucket], kind="stable")] for bucket in buckets])
        steps = [
            self._split(order[start : start + self.rows_per_step])
            for start in range(0, len(order), self.rows_per_step)
        ]
        if self.bucketed:
            steps = [steps[position] for position in random.permutation(len(steps))]
        return steps

    def _split(self, rows: np.ndarray) -> Step:
        return tuple(rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size))


def padding_share(lengths: np.ndarray, batches: Sequence[np.ndarray]) -> float:
    """Return the share of token positions that are padding, 0 to 1.

    Examples
    --------
    >>> padding_share(np.array([1, 3]), [np.array([0, 1])])
    0.3333333333333333
    """
    positions = sum(int(lengths[rows].max()) * len(rows) for rows in batches)
    return (positions - sum(int(lengths[rows].sum()) for rows in batches)) / positions


def token_budget_batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Cut texts into batches of similar length with at most ``budget`` token positions each.

    Parameters
    ----------
    lengths : ndarray of int, shape (n_texts,)
        Tokens of each text.
    budget : int
        Most token positions a batch, padding included; a longer text stands alone.

    Yields
    ------
    ndarray of int64
        Positions of texts, shortest first.

    Examples
    --------
    >>> [batch.tolist() for batch in token_budget_batches(np.array([9, 2, 2, 3]), budget=6)]
    [[1, 2], [3], [0]]
    """
    batch: list[int] = []
    for row in np.argsort(lengths, kind="stable"):
        # Lengths rise, so the newest text is the longest and decides the width of the batch.
        if batch and int(lengths[row]) * (len(batch) + 1) > budget:
            yield np.array(batch, dtype=np.int64)
            batch = []
        batch.append(int(row))
    if batch:
        yield np.array(batch, dtype=np.int64)
