"""The last part of the way: an exact program over those columns that can still be in a better choice.

A column whose value at the shadow prices lies further below the best of its unit than the gap is wide
cannot be in any choice that beats the one at hand. What is left is small, and often small enough to be solved
exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.decisions.optimization.linked import CrossPart, LinkedPart
from pricelm.decisions.optimization.parts import DensePart, JointPart, Part, Response
from pricelm.decisions.optimization.problem import PricingProblem
from pricelm.decisions.optimization.selection import Columns, select_columns


@dataclass(frozen=True, eq=False)
class CoreOutcome:
    """A choice of all rows (None when there is none), a bound, and whether every column was looked at."""

    choice: np.ndarray | None
    bound: float
    whole: bool
    infeasible: bool


def solve_core(
    problem: PricingProblem,
    parts: list[Part],
    multipliers: np.ndarray,
    *,
    gap: float,
    relative_gap: float,
    seconds: float,
    most_columns: int,
) -> CoreOutcome:
    """Choose among the columns within the gap, the others out of the way.

    Parameters
    ----------
    problem : PricingProblem
        The whole problem.
    parts : list of Part
        Its parts.
    multipliers : numpy.ndarray
        Shadow prices.
    gap : float
        Bound minus value so far; infinite when no choice is known.
    relative_gap : float
        Where the program may stop.
    seconds : float
        Time limit.
    most_columns : int
        With more columns within the gap, only the nearest ones are looked at and nothing is proven.
    """
    limits = problem.limits.astype(np.float64).copy()
    choice = np.zeros(len(problem.prices), dtype=np.int64)
    fixed_bound, whole = 0.0, True
    blocks: list[Block] = []
    for part in parts:
        if isinstance(part, CrossPart):
            response = part.respond(multipliers)
            limits, fixed_bound, whole = limits - response.usage, fixed_bound + response.value, False
            choice[part.rows] = response.choice
        else:
            blocks.append(block_of(part, multipliers))
    if not blocks:
        return CoreOutcome(choice, np.inf, False, False)
    near = np.concatenate([block.distance for block in blocks])
    reach = gap * (1 + 1e-9) + 1e-9
    if np.count_nonzero(near <= reach) > most_columns:
        reach, whole = float(np.partition(near, most_columns - 1)[most_columns - 1]), False
    kept = [block.within(reach) for block in blocks]
    links = []
    offset = 0
    for block in blocks:
        if isinstance(block.part, LinkedPart):
            links += [(link, tuple(unit + offset for unit in units)) for link, units in block.part.links]
        offset += block.units
    found = select_columns(
        _joined(blocks, kept), limits, problem.caps, links, relative_gap=relative_gap, seconds=seconds
    )
    if found.picked is None:
        return CoreOutcome(None, found.bound + fixed_bound, whole, found.infeasible)
    enter_columns(choice, blocks, kept, found.picked)
    return CoreOutcome(choice, found.bound + fixed_bound, whole, False)


@dataclass(eq=False)
class Block:
    """Units of a part with their columns.

    Parameters
    ----------
    part : Part or None
        Where they come from.
    unit, column : numpy.ndarray
        Unit of each column, and what it is called in the part, shape (c,).
    value, usage, price : numpy.ndarray
        As in `Columns`.
    distance : numpy.ndarray
        How far below the best of its unit each is at the shadow prices, shape (c,).
    units : int
        How many there are.
    """

    part: DensePart | JointPart | LinkedPart | None
    unit: np.ndarray
    column: np.ndarray
    value: np.ndarray
    usage: np.ndarray
    price: np.ndarray
    distance: np.ndarray
    units: int

    def within(self, reach: float) -> np.ndarray:
        """Return the positions of columns that may be in a better choice."""
        return np.flatnonzero(self.distance <= reach)


def block_of(part: Part, multipliers: np.ndarray) -> Block:
    """Return the columns of a part, with their distance from the best at shadow prices."""
    if isinstance(part, DensePart):
        unit, column = np.nonzero(np.isfinite(part.value))
        value, usage = part.value[unit, column], part.usage[:, unit, column]
        return _measured(part, unit, column, value, usage, np.zeros(len(unit)), len(part.rows), multipliers)
    if isinstance(part, JointPart):
        column = np.arange(len(part.value))
        zeros, units = np.zeros(len(column)), len(part.starts)
        return _measured(part, part.segment, column, part.value, part.usage, zeros, units, multipliers)
    assert isinstance(part, LinkedPart)
    units = len(part.rows)
    block = _measured(part, part.unit, part.column, part.value, part.usage, part.price, units, multipliers)
    # what a linked product can do depends on its neighbors, so none of its columns is out of the way
    block.distance = np.zeros(len(block.distance))
    return block


def _measured(
    part: DensePart | JointPart | LinkedPart,
    unit: np.ndarray,
    column: np.ndarray,
    value: np.ndarray,
    usage: np.ndarray,
    price: np.ndarray,
    units: int,
    multipliers: np.ndarray,
) -> Block:  # fmt: skip
    reduced = value - multipliers @ usage
    best = np.full(units, -np.inf)
    np.maximum.at(best, unit, reduced)
    return Block(part, unit, column, value, usage, price, best[unit] - reduced, units)


def _joined(blocks: list[Block], kept: list[np.ndarray]) -> Columns:
    offsets = np.cumsum([0, *(block.units for block in blocks)])
    pairs = list(zip(blocks, kept, strict=True))
    return Columns(
        np.concatenate(
            [block.unit[at] + offset for (block, at), offset in zip(pairs, offsets, strict=False)]
        ),
        np.concatenate([block.value[at] for block, at in pairs]),
        np.concatenate([block.usage[:, at] for block, at in pairs], axis=1),
        np.concatenate([block.price[at] for block, at in pairs]),
    )


def enter_columns(
    choice: np.ndarray, blocks: list[Block], kept: list[np.ndarray], picked: np.ndarray
) -> None:
    """Write the picked columns into a choice of all rows."""
    start, unit_start = 0, 0
    for block, at in zip(blocks, kept, strict=True):
        assert block.part is not None
        own = picked[unit_start : unit_start + block.units] - start
        columns = block.column[at[own]]
        choice[block.part.rows] = (
            block.part.columns(columns) if isinstance(block.part, JointPart) else columns
        )
        start, unit_start = start + len(at), unit_start + block.units


def total_response(
    parts: list[Part], multipliers: np.ndarray
) -> tuple[float, float, np.ndarray, list[Response]]:
    """Return bound, value and usage of all parts together at shadow prices, and each response."""
    responses = [part.respond(multipliers) for part in parts]
    usage = np.sum([response.usage for response in responses], axis=0)
    return sum(one.bound for one in responses), sum(one.value for one in responses), usage, responses
