"""The interval of good prices: all that are nearly as good as the best and keep the rules."""

from __future__ import annotations

import numpy as np

from pricelm.decisions.optimization.problem import PricingProblem, Solution
from pricelm.knowledge.rule import TOLERANCE


def reduced_values(problem: PricingProblem, solution: Solution) -> np.ndarray:
    """Return what each price is worth to its product with all other products as chosen.

    Shadow prices of portfolio rules are taken off, so that prices can be compared one product at a time.

    Returns
    -------
    numpy.ndarray
        Shape (n, m); minus infinity where a hard rule forbids the price.
    """
    value = problem.value.copy()
    if len(problem.limits):
        value -= np.tensordot(solution.multipliers, problem.usage, axes=1)
    for group in problem.groups:
        own = solution.choice[group.rows]
        for at, row in enumerate(group.rows):
            tried = np.repeat(own[None, :], value.shape[1], axis=0)
            tried[:, at] = np.arange(value.shape[1])
            worth, used = group.worth(tried)
            value[row] = worth - solution.multipliers @ used
    return np.where(open_prices(problem, solution.choice), value, -np.inf)


def open_prices(problem: PricingProblem, choice: np.ndarray) -> np.ndarray:
    """Return which prices keep the rules on single prices, and the links with all others as chosen."""
    free = problem.allowed.copy()
    chosen = problem.prices[np.arange(len(choice)), choice]
    for link in problem.links:
        if link.penalty is None:
            one = link.inequality
            for row, factor in zip(one.rows, one.coefficients, strict=True):
                slack = one.slack(chosen) + factor * (problem.prices[row] - chosen[row])
                free[row] &= slack >= -TOLERANCE
    return free


def near_best(reduced: np.ndarray, choice: np.ndarray, share: float) -> np.ndarray:
    """Return which prices are within a share of the best and connected to the chosen one.

    Parameters
    ----------
    reduced : numpy.ndarray
        Worth of each price, shape (n, m).
    choice : numpy.ndarray
        Chosen columns, shape (n,).
    share : float
        For example 0.01.

    Returns
    -------
    numpy.ndarray
        Bool of shape (n, m), true in one run of columns around the choice; repeated or forbidden prices
        between good ones do not end the run.

    Examples
    --------
    >>> near_best(np.array([[5.0, 9.95, 10.0, 4.0, 9.99]]), np.array([2]), 0.01).tolist()
    [[False, True, True, False, False]]
    """
    at = np.arange(len(choice))
    best = reduced[at, choice][:, None]
    forbidden = ~np.isfinite(reduced)
    good = reduced >= best - share * np.abs(best)
    good[at, choice] = True
    columns = np.arange(reduced.shape[1])[None, :]
    bad = ~(good | forbidden)
    left = np.where(bad & (columns < choice[:, None]), columns, -1).max(axis=1)
    right = np.where(bad & (columns > choice[:, None]), columns, reduced.shape[1]).min(axis=1)
    inside = (columns > left[:, None]) & (columns < right[:, None])
    return inside & good


def hold_current(
    problem: PricingProblem, solution: Solution, good: np.ndarray, current: np.ndarray
) -> np.ndarray:
    """Return the choice with current prices kept where they are good enough, as far as the rules go along.

    Products are held in the order of what it costs. Where holding all of them would break a rule on sums or
    between prices, only as many are held as leave the rules kept.
    """
    at = np.arange(len(current))
    wanted = np.flatnonzero(good[at, current] & (solution.choice != current))
    if not len(wanted):
        return solution.choice
    reduced = reduced_values(problem, solution)
    loss = reduced[at, solution.choice] - reduced[at, current]
    order = wanted[np.argsort(loss[wanted], kind="stable")]

    def held(count: int) -> np.ndarray:
        choice = solution.choice.copy()
        choice[order[:count]] = current[order[:count]]
        return choice

    if np.isfinite(problem.score(held(len(order)))):
        return held(len(order))
    kept, broken = 0, len(order)
    while broken - kept > 1:
        middle = (kept + broken) // 2
        if np.isfinite(problem.score(held(middle))):
            kept = middle
        else:
            broken = middle
    return held(kept)
