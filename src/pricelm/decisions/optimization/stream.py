"""Assortments larger than memory: blocks are read again for each round of shadow prices, and never kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.decisions.optimization.core_program import Block
from pricelm.decisions.optimization.dual import DualOutcome, minimize_dual
from pricelm.decisions.optimization.mixture import mix_and_settle
from pricelm.decisions.optimization.parts import DensePart
from pricelm.decisions.optimization.problem import PricingProblem
from pricelm.decisions.optimization.repair import fill_up, repair_choice

_SAMPLE = 5_000
# alternatives that are looked at together once shadow prices are known
_NEAR = 50_000


@dataclass(frozen=True, eq=False)
class StreamOutcome:
    """What came out.

    Parameters
    ----------
    status : str
        ``"optimal"``, ``"feasible"`` or ``"infeasible"``.
    value, bound : float
        Objective reached, and what no choice can exceed.
    multipliers : numpy.ndarray
        Shadow prices, shape (rules,).
    products : int
        How many were priced.
    passes : int
        How often the blocks were read.
    reason : str
        Why it is not optimal; empty otherwise.
    """

    status: str
    value: float
    bound: float
    multipliers: np.ndarray
    products: int
    passes: int
    reason: str = ""

    @property
    def gap(self) -> float:
        """Bound minus value, over the larger of the two sizes."""
        return max(self.bound - self.value, 0.0) / max(abs(self.value), abs(self.bound), 1e-9)


def solve_blocks(
    blocks: Callable[[], Iterable[PricingProblem]],
    sink: Callable[[int, np.ndarray], None],
    *,
    tolerance: float = 1e-4,
) -> StreamOutcome:
    """Choose prices of any number of products under rules on sums, a block in memory at a time.

    Parameters
    ----------
    blocks : callable
        Returns the blocks anew, each time the same: problems without links and cross effects, all with the
        limits of the whole.
    sink : callable
        Takes the number of a block and its chosen columns, in order, in the last pass.
    tolerance : float, default 1e-4
        Relative gap to reach.

    Returns
    -------
    StreamOutcome
        When the status is "infeasible" the sink was not called.

    Raises
    ------
    ConfigError
        If a block has links or cross effects, or there is no block.
    """
    limits, caps, sample, products = _first_look(blocks)
    passes = 1

    def respond(multipliers: np.ndarray) -> tuple[float, float, np.ndarray]:
        nonlocal passes
        passes += 1
        value, usage = 0.0, np.zeros(len(limits))
        for block in blocks():
            found = DensePart(block, np.arange(len(block.prices))).respond(multipliers)
            value, usage = value + found.value, usage + found.usage
        return value - float(multipliers @ usage), value, usage

    start = _sampled(sample, limits, caps, products)
    dual = minimize_dual(respond, limits, caps, start=start, tolerance=tolerance / 100)
    if dual.unbounded:
        reason = "the limits on sums cannot be kept together by any prices"
        return StreamOutcome("infeasible", -np.inf, -np.inf, dual.multipliers, products, passes, reason)
    settled, used = _settle(blocks, dual.multipliers, limits, caps)
    passes += 1
    excess = used - limits
    sums = limits, caps, excess
    return _last_pass(blocks, sink, (dual, settled), sums, (products, passes + 1), tolerance)


def _first_look(
    blocks: Callable[[], Iterable[PricingProblem]],
) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]], int]:
    """Return limits, caps, an evenly spread sample of rows, and the count of products."""
    sample: list[tuple[np.ndarray, np.ndarray]] = []
    limits = caps = None
    products = kept = 0
    for block in blocks():
        if block.links or block.groups:
            raise ConfigError(
                "expected blocks without rules between products and without cross effects; price those "
                "products in one problem"
            )
        limits, caps = block.limits, block.caps
        products += len(block.prices)
        rows = np.arange(0, len(block.prices), max(1, products // _SAMPLE))
        value = np.where(block.allowed, block.value, -np.inf)
        if kept < 2 * _SAMPLE:
            sample.append((value[rows], block.usage[:, rows]))
            kept += len(rows)
    if limits is None or caps is None:
        raise ConfigError("expected at least one block of products, got none")
    return limits, caps, sample, products


def _sampled(
    sample: list[tuple[np.ndarray, np.ndarray]], limits: np.ndarray, caps: np.ndarray, products: int
) -> np.ndarray | None:
    if not len(limits):
        return None
    value = np.concatenate([one[0] for one in sample])
    usage = np.concatenate([one[1] for one in sample], axis=1)
    part = DensePart(PricingProblem.of(np.ones_like(value), value, np.isfinite(value)), np.arange(len(value)))
    part.usage = usage

    def respond(multipliers: np.ndarray) -> tuple[float, float, np.ndarray]:
        found = part.respond(multipliers)
        return found.bound, found.value, found.usage

    outcome = minimize_dual(respond, limits * len(value) / products, caps, tolerance=1e-5)
    return None if outcome.unbounded else outcome.multipliers


def _settle(
    blocks: Callable[[], Iterable[PricingProblem]],
    multipliers: np.ndarray,
    limits: np.ndarray,
    caps: np.ndarray,
) -> tuple[dict[int, tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Settle the products that are nearly tied at the shadow prices, all blocks together.

    Returns
    -------
    settled : dict of int to (rows, columns)
        By block, what these products take.
    used : numpy.ndarray
        Sums at the choice with them, shape (rules,).
    """
    near = _NearTies(len(limits))
    used = np.zeros(len(limits))
    for number, block in enumerate(blocks()):
        used = used + near.look(number, block, multipliers)
    if not len(limits) or not len(near.rows):
        return {}, used
    return near.settled(used, limits, caps)


class _NearTies:
    """The alternatives of all blocks that lie least below the best price of their product."""

    def __init__(self, rules: int) -> None:
        self.rows = np.zeros((0, 3), dtype=np.int64)
        self.distance = np.zeros(0)
        self.change = np.zeros((0, rules + 1))

    def look(self, number: int, block: PricingProblem, multipliers: np.ndarray) -> np.ndarray:
        """Remember the nearest alternatives of a block; return what its best prices use."""
        part = DensePart(block, np.arange(len(block.prices)))
        reduced = part.reduced(multipliers)
        best = reduced.argmax(axis=1)
        at = np.arange(len(best))
        distance = reduced[at, best][:, None] - reduced
        distance[at, best] = np.inf
        flat = distance.ravel()
        few = min(_NEAR, flat.size) - 1
        chosen = np.flatnonzero(flat <= np.partition(flat, few)[few])
        chosen = chosen[np.isfinite(flat[chosen])]
        row, column = np.divmod(chosen, distance.shape[1])
        gain = part.value[row, column] - part.value[row, best[row]]
        used = part.usage[:, row, column] - part.usage[:, row, best[row]]
        self.rows = np.concatenate([self.rows, np.column_stack([np.full(len(row), number), row, column])])
        self.distance = np.concatenate([self.distance, flat[chosen]])
        self.change = np.concatenate([self.change, np.column_stack([gain, used.T])])
        if len(self.distance) > _NEAR:
            keep = np.argpartition(self.distance, _NEAR)[:_NEAR]
            self.rows, self.distance, self.change = self.rows[keep], self.distance[keep], self.change[keep]
        return np.asarray(part.usage[:, at, best].sum(axis=1))

    def settled(
        self, used: np.ndarray, limits: np.ndarray, caps: np.ndarray
    ) -> tuple[dict[int, tuple[np.ndarray, np.ndarray]], np.ndarray]:
        """Choose among the alternatives so that the limits hold."""
        units, unit = np.unique(self.rows[:, :2], axis=0, return_inverse=True)
        homes = np.arange(len(units))
        block = Block(
            None,
            np.concatenate([homes, unit.ravel()]),
            np.concatenate([np.full(len(units), -1), self.rows[:, 2]]),
            np.concatenate([np.zeros(len(units)), self.change[:, 0]]),
            np.concatenate([np.zeros((len(limits), len(units))), self.change[:, 1:].T], axis=1),
            np.zeros(len(units) + len(unit)),
            np.concatenate([np.zeros(len(units)), self.distance]),
            len(units),
        )
        room = 1e-9 * np.maximum(np.abs(limits), 1.0)
        picked = mix_and_settle([block], limits - used, caps, room)
        if picked is None:
            return {}, used
        moved = picked[block.column[picked] >= 0]
        at = units[block.unit[moved]]
        by_block = {
            int(number): (at[at[:, 0] == number, 1], block.column[moved][at[:, 0] == number])
            for number in np.unique(at[:, 0])
        }
        return by_block, used + block.usage[:, moved].sum(axis=1)


def _last_pass(
    blocks: Callable[[], Iterable[PricingProblem]],
    sink: Callable[[int, np.ndarray], None],
    found: tuple[DualOutcome, dict[int, tuple[np.ndarray, np.ndarray]]],
    sums: tuple[np.ndarray, np.ndarray, np.ndarray],
    counts: tuple[int, int],
    tolerance: float,
) -> StreamOutcome:
    """Choose block by block; the first ones give way until the limits hold, the next take what is left."""
    limits, caps, excess = sums
    dual, settled = found
    hard = np.isinf(caps)
    room = 1e-9 * np.maximum(np.abs(limits), 1.0)
    value = 0.0
    for number, block in enumerate(blocks()):
        part = DensePart(block, np.arange(len(block.prices)))
        choice = part.respond(dual.multipliers).choice
        rows, columns = settled.get(number, (np.zeros(0, int), np.zeros(0, int)))
        choice[rows] = columns
        at = np.arange(len(choice))
        before = part.usage[:, at, choice].sum(axis=1)
        moved = repair_choice(
            part, choice, np.where(hard, excess, -np.inf), dual.multipliers, room, partly=True
        )
        assert moved is not None
        excess = excess + part.usage[:, at, moved].sum(axis=1) - before
        if (excess[hard] <= room[hard]).all():
            moved, excess = fill_up(part, moved, excess, caps)
        value += float(part.value[at, moved].sum())
        sink(number, moved)
    products, passes = counts
    soft = ~hard
    value -= float(np.maximum(excess[soft], 0.0) @ caps[soft])
    if (excess[hard] > room[hard] * 10).any():
        reason = "the limits on sums were passed in the end; the prices given to the sink must not be used"
        return StreamOutcome("infeasible", -np.inf, dual.bound, dual.multipliers, products, passes, reason)
    outcome = StreamOutcome("optimal", value, dual.bound, dual.multipliers, products, passes)
    if outcome.gap <= tolerance:
        return outcome
    reason = f"a better choice by up to {outcome.gap:.2%} is not ruled out"
    return StreamOutcome("feasible", value, dual.bound, dual.multipliers, products, passes, reason)
