"""Solve a pricing problem: shadow prices and a bound first, then a choice that keeps every rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.decisions.optimization.core_program import (
    block_of,
    enter_columns,
    solve_core,
    total_response,
)
from pricelm.decisions.optimization.dual import DualOutcome, minimize_dual
from pricelm.decisions.optimization.explain import explain_infeasible
from pricelm.decisions.optimization.linked import CrossPart, LinkedPart, Unfulfillable
from pricelm.decisions.optimization.mixture import mix_and_settle
from pricelm.decisions.optimization.parts import (
    DensePart,
    JointPart,
    Part,
    small_enough,
    tied_groups,
    write_out,
)
from pricelm.decisions.optimization.problem import PricingProblem, Solution
from pricelm.decisions.optimization.repair import fill_up, repair_choice

_SAMPLE = 2_000
_WORTH_SAMPLING = 5 * _SAMPLE
_FIRST_COLUMNS, _MOST_COLUMNS = 1_500, 60_000


@dataclass(frozen=True)
class SolverConfig:
    """How exact and how long.

    Parameters
    ----------
    tolerance : float, default 1e-4
        Relative gap between the bound and the value at which to stop.
    seconds : float, default 60
        Time limit of each exact program.
    seed : int, default 0
        Of the sample that shadow prices start from, and of the starts of ascents.
    """

    tolerance: float = 1e-4
    seconds: float = 60.0
    seed: int = 0


def solve(problem: PricingProblem, config: SolverConfig = SolverConfig()) -> Solution:
    """Choose the best price of each product.

    Parameters
    ----------
    problem : PricingProblem
        Prices, values, rules.
    config : SolverConfig
        Tolerance and time.

    Returns
    -------
    Solution
        Exact within the tolerance where it says "optimal". Where products with cross effects form groups too
        large to write out their joint prices, it says "feasible" with the gap that can be shown.

    Examples
    --------
    >>> grid = np.array([[1.0, 2.0], [1.0, 2.0]])
    >>> problem = PricingProblem.of(
    ...     grid, value=grid, usage=grid[None], limits=np.array([3.0]), caps=np.array([np.inf])
    ... )
    >>> solution = solve(problem)
    >>> solution.status, solution.value, sorted(solution.choice.tolist())
    ('optimal', 3.0, [0, 1])
    """
    if not problem.allowed.any(axis=1).all():
        return _infeasible(problem)
    parts = _parts(problem, config.seed)
    if parts is None:
        return _infeasible(problem)
    try:
        dual = _shadow_prices(problem, parts, config)
    except Unfulfillable:
        return _infeasible(problem)
    if dual.unbounded:
        return _infeasible(problem)
    choice = _rounded(problem, parts, dual.multipliers)
    value = problem.score(choice) if choice is not None else -np.inf
    if not np.isfinite(value):
        choice = None
    return _closed(problem, parts, dual, (choice, value), config)


def _closed(
    problem: PricingProblem,
    parts: list[Part],
    dual: DualOutcome,
    known: tuple[np.ndarray | None, float],
    config: SolverConfig,
) -> Solution:
    """Close what gap is left by an exact program, and say how far it got."""
    choice, value = known
    bound = dual.bound
    # a first look at the nearest columns gives a value, and the gap that it leaves thins out the second one
    for most in (_FIRST_COLUMNS, _MOST_COLUMNS):
        if choice is not None and bound - value <= config.tolerance * max(abs(value), abs(bound), 1e-9):
            break
        gap = bound - value if choice is not None else np.inf
        core = solve_core(
            problem,
            parts,
            dual.multipliers,
            gap=gap,
            relative_gap=max(config.tolerance / 4, 1e-9),
            seconds=config.seconds,
            most_columns=most,
        )
        if core.choice is None and core.infeasible and core.whole and choice is None:
            return _infeasible(problem)
        reached = problem.score(core.choice) if core.choice is not None else -np.inf
        if core.choice is not None and reached > value:
            choice, value = core.choice, reached
        if core.whole:
            bound = min(bound, max(core.bound, value))
    if choice is None or not np.isfinite(value):
        relax, reason = explain_infeasible(problem)
        if not relax:
            reason = "no choice that keeps all rules was found in the time given, and none was ruled out"
        return Solution("infeasible", np.empty(0, int), -np.inf, bound, dual.multipliers, relax, reason)
    solution = Solution("optimal", choice, value, max(bound, value), dual.multipliers)
    if solution.gap <= max(config.tolerance, 1e-9):
        return solution
    reason = f"a better choice by up to {solution.gap:.2%} is not ruled out"
    return Solution("feasible", choice, value, max(bound, value), dual.multipliers, (), reason)


def _parts(problem: PricingProblem, seed: int) -> list[Part] | None:
    """Split a problem; None when a group has no joint choice that keeps its rules."""
    free, tied = tied_groups(problem)
    parts: list[Part] = [DensePart(problem, free)] if len(free) else []
    written, linked = [], []
    for small, one in zip(small_enough(problem, tied), tied, strict=True):
        if small:
            written.append(write_out(problem, one))
            if not len(written[-1][1]):
                return None
        elif one.groups:
            parts.append(CrossPart(problem, one, seed))
        else:
            linked.append(one)
    if written:
        parts.append(JointPart(written))
    if linked:
        parts.append(LinkedPart(problem, linked))
    return parts


def _shadow_prices(problem: PricingProblem, parts: list[Part], config: SolverConfig) -> DualOutcome:
    def respond(multipliers: np.ndarray) -> tuple[float, float, np.ndarray]:
        return total_response(parts, multipliers)[:3]

    start = None
    if len(parts) == 1 and isinstance(parts[0], DensePart) and len(problem.limits):
        start = sampled_prices(problem, config)
    return minimize_dual(
        respond,
        problem.limits,
        problem.caps,
        start=start,
        tolerance=max(config.tolerance / 10, 1e-9),
        worst=_worst(problem),
    )


def sampled_prices(problem: PricingProblem, config: SolverConfig) -> np.ndarray | None:
    """Return the shadow prices of a sample of products with limits to scale; None for small problems."""
    n = len(problem.prices)
    if n < _WORTH_SAMPLING:
        return None
    rows = np.sort(np.random.default_rng(config.seed).choice(n, _SAMPLE, replace=False))
    part = DensePart(problem, rows)

    def respond(multipliers: np.ndarray) -> tuple[float, float, np.ndarray]:
        found = part.respond(multipliers)
        return found.bound, found.value, found.usage

    limits = problem.limits * _SAMPLE / n
    outcome = minimize_dual(respond, limits, problem.caps, tolerance=1e-4)
    return None if outcome.unbounded else outcome.multipliers


def _worst(problem: PricingProblem) -> float:
    """Return what any choice is worth at least, or minus infinity where that is not easily said."""
    if problem.links or problem.groups:
        return -np.inf
    lowest = float(np.where(problem.allowed, problem.value, np.inf).min(axis=1).sum())
    for k in np.flatnonzero(np.isfinite(problem.caps)):
        most = float(problem.usage[k].max(axis=1).sum() - problem.limits[k])
        lowest -= float(problem.caps[k]) * max(most, 0.0)
    return lowest - 1e-6 * max(abs(lowest), 1.0)


def _rounded(problem: PricingProblem, parts: list[Part], multipliers: np.ndarray) -> np.ndarray | None:
    """Return a choice near the shadow prices that keeps hard limits; None if simple moves find none."""
    _, _, used, responses = total_response(parts, multipliers)
    choice = np.zeros(len(problem.prices), dtype=np.int64)
    for part, response in zip(parts, responses, strict=True):
        choice[part.rows] = response.choice
    if not len(problem.limits):
        return choice
    blocks = [block_of(part, multipliers) for part in parts if isinstance(part, DensePart | JointPart)]
    room = problem.slackness() / 2
    if not blocks:
        return choice
    fixed = used - sum(
        (
            one.usage
            for part, one in zip(parts, responses, strict=True)
            if isinstance(part, DensePart | JointPart)
        ),
        np.zeros(len(used)),
    )
    picked = mix_and_settle(blocks, problem.limits - fixed, problem.caps, room)
    if picked is None:
        return None
    enter_columns(choice, blocks, [np.arange(len(block.value)) for block in blocks], picked)
    return _finished(problem, parts, choice, multipliers)


def _finished(
    problem: PricingProblem, parts: list[Part], choice: np.ndarray, multipliers: np.ndarray
) -> np.ndarray | None:
    """Take away what still passes a limit, and take up what is left below one."""
    dense = next((part for part in parts if isinstance(part, DensePart)), None)
    used = problem.totals(choice)[1]
    if dense is None:
        return choice
    hard = np.isinf(problem.caps)
    excess = np.where(hard, used - problem.limits, -np.inf)
    moved = repair_choice(dense, choice[dense.rows], excess, multipliers, problem.slackness() / 2)
    if moved is None:
        return None
    at = np.arange(len(moved))
    change = dense.usage[:, at, moved].sum(axis=1) - dense.usage[:, at, choice[dense.rows]].sum(axis=1)
    choice[dense.rows], _ = fill_up(dense, moved, used - problem.limits + change, problem.caps)
    return choice


def _infeasible(problem: PricingProblem) -> Solution:
    relax, reason = explain_infeasible(problem)
    nothing = np.zeros(len(problem.limits))
    return Solution("infeasible", np.empty(0, int), -np.inf, -np.inf, nothing, relax, reason)
