"""The dual: shadow prices of limits on sums, by cutting planes inside a box that moves with the best point.

References
----------
Marsten, Hogan, Blankenship (1975), "The boxstep method for large-scale optimization", Operations Research 23.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

_MOST_ROUNDS = 200
_HUGE = 1e12


@dataclass(frozen=True, eq=False)
class Cut:
    """A response of the whole problem at shadow prices: a bound, and the line that it adds to the dual."""

    multipliers: np.ndarray
    bound: float
    value: float
    usage: np.ndarray


@dataclass(frozen=True, eq=False)
class DualOutcome:
    """Shadow prices with the lowest bound found.

    Parameters
    ----------
    multipliers : numpy.ndarray
        Shadow prices, shape (rules,).
    bound : float
        What no choice can exceed.
    unbounded : bool
        True when shadow prices grow without end: no choice, not even a mixture, keeps the limits.
    rounds : int
        Responses that were asked for.
    """

    multipliers: np.ndarray
    bound: float
    unbounded: bool
    rounds: int


def minimize_dual(
    respond: Callable[[np.ndarray], tuple[float, float, np.ndarray]],
    limits: np.ndarray,
    caps: np.ndarray,
    *,
    start: np.ndarray | None = None,
    tolerance: float = 1e-5,
    worst: float = -np.inf,
) -> DualOutcome:
    """Find shadow prices that bound the objective from above as tightly as they can.

    Parameters
    ----------
    respond : callable
        From shadow prices to (bound of the parts, value of the choice, its usage).
    limits, caps : numpy.ndarray
        Limits, and highest shadow prices (infinite for hard rules), shape (rules,).
    start : numpy.ndarray, optional
        Shadow prices to start from, for example those of a sample.
    tolerance : float, default 1e-5
        Relative distance to the lowest bound at which to stop.
    worst : float, default minus infinity
        What every choice that keeps the limits is worth at least; a bound below it proves that there is none.

    Returns
    -------
    DualOutcome
        The bound holds at whatever point it stopped.
    """
    rules = len(limits)
    cuts: list[Cut] = []

    def ask(point: np.ndarray) -> Cut:
        bound, value, usage = respond(point)
        cut = Cut(point, bound + float(point @ limits), value, usage)
        cuts.append(cut)
        return cut

    best = ask(np.zeros(rules))
    if not rules or bool(np.all(best.usage <= limits)):
        return DualOutcome(best.multipliers, best.bound, False, 1)
    unit = _unit_prices(best, limits)
    radius = unit.copy()
    if start is not None:
        first = ask(np.clip(start, 0.0, caps))
        radius = np.maximum(0.1 * start, 1e-3 * unit)
        best = min(best, first, key=lambda cut: cut.bound)
    for _ in range(_MOST_ROUNDS):
        low = np.clip(best.multipliers - radius, 0.0, caps)
        high = np.clip(best.multipliers + radius, 0.0, np.minimum(caps, _HUGE * unit))
        point, floor = _master(cuts, limits, low, high)
        size = max(abs(best.bound), 1e-9)
        at_edge = ((point >= high) & (point < caps)) | ((point <= low) & (point > 0))
        if best.bound - floor <= tolerance * size and not at_edge.any():
            break
        if best.bound < worst or bool(np.any(point > _HUGE * unit / 10)):
            return DualOutcome(best.multipliers, best.bound, True, len(cuts))
        cut = ask(point)
        if cut.bound < best.bound:
            best = cut
            radius = np.where(at_edge, radius * 4, radius)
        elif best.bound - floor <= tolerance * size:
            radius = radius * 4
    return DualOutcome(best.multipliers, best.bound, False, len(cuts))


def _unit_prices(cut: Cut, limits: np.ndarray) -> np.ndarray:
    """Return shadow prices of a usual size: the objective over what it uses."""
    size = np.maximum(np.abs(cut.usage - limits), np.abs(limits))
    return np.maximum(abs(cut.value), 1e-9) / np.maximum(size, 1e-9)


def _master(
    cuts: list[Cut], limits: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the lowest point of the lines known so far, within the box."""
    rules = len(limits)
    # lines pass through each response's bound, which for an inexact part lies above its choice
    slope = np.array([limits - cut.usage for cut in cuts])
    height = np.array([cut.bound for cut in cuts]) - np.einsum(
        "ij,ij->i", slope, np.array([cut.multipliers for cut in cuts])
    )
    scale = max(float(np.abs(height).max()), 1e-9)
    width = np.maximum(high - low, 1e-300)
    matrix = np.column_stack([slope * width / scale, -np.ones(len(cuts))])
    right = -(height + slope @ low) / scale
    ends = [(0.0, 1.0)] * rules + [(None, None)]
    found = linprog(np.r_[np.zeros(rules), 1.0], A_ub=matrix, b_ub=right, bounds=ends, method="highs")
    if found.x is None:
        return (low + high) / 2, -np.inf
    return low + found.x[:rules] * width, float(found.fun) * scale
