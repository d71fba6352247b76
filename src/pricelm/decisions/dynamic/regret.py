"""Regret: what a policy earns against the best fixed price, in every kind of market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.dynamic.fixed_policies import Constant
from pricelm.decisions.dynamic.guard import Guard
from pricelm.decisions.dynamic.market import market_kind
from pricelm.decisions.dynamic.policy import Policy, PolicyConfig
from pricelm.decisions.dynamic.records import Scene
from pricelm.decisions.dynamic.registry import POLICIES, build_policy
from pricelm.decisions.dynamic.rehearsal import Course, RehearsalConfig, Start, rehearse

MOST_LOSS = 0.05


@dataclass(frozen=True)
class Cell:
    """What one policy did in one kind of market.

    Parameters
    ----------
    policy, market : str
        Names.
    regret : float
        Share of the profit of the best fixed price that is missing; negative where more is earned.
    low, high : float
        95 % interval over replications.
    profit_a_day, best_fixed_a_day : float
        Of the shop, in currency.
    moves_a_week : float
        Price changes of a product.
    stuck_days : float
        Share of days on which no price kept the rules, so that the price stood.
    """

    policy: str
    market: str
    regret: float
    low: float
    high: float
    profit_a_day: float
    best_fixed_a_day: float
    moves_a_week: float
    stuck_days: float


@dataclass(frozen=True)
class RegretMatrix:
    """Policies by markets.

    Parameters
    ----------
    policies, markets : tuple of str
        Rows and columns.
    cells : list of Cell
        Row by row.
    days, replications : int
        What each cell rests on.
    """

    policies: tuple[str, ...]
    markets: tuple[str, ...]
    cells: list[Cell] = field(default_factory=list)
    days: int = 0
    replications: int = 0

    def cell(self, policy: str, market: str) -> Cell:
        """Return one cell."""
        return next(one for one in self.cells if (one.policy, one.market) == (policy, market))

    def to_dict(self) -> dict[str, Any]:
        """Return the matrix as JSON-ready values."""
        return {
            "policies": list(self.policies),
            "markets": list(self.markets),
            "days": self.days,
            "replications": self.replications,
            "cells": [asdict(one) for one in self.cells],
        }


def regret_matrix(
    guard: Guard,
    policies: Sequence[str],
    markets: Sequence[str],
    config: RehearsalConfig = RehearsalConfig(),
    *,
    learning: PolicyConfig = PolicyConfig(),
    progress: Progress = Silence(),
) -> RegretMatrix:
    """Rehearse every policy in every kind of market, all under the same rules.

    The yardstick is found by trying every price of the menu: of each product in each replication, the one
    that earned most with hindsight. No policy can know it, and where nothing changes none can do better.

    Parameters
    ----------
    guard : Guard
        Shop and rules.
    policies, markets : sequence of str
        Names.
    config : RehearsalConfig
        Replications, days, seed.
    learning : PolicyConfig
        How policies learn.
    progress : Progress
        Told of every market.

    Returns
    -------
    RegretMatrix
        A cell for each pair.

    Raises
    ------
    ConfigError
        If a name is not known.
    """
    kinds = [market_kind(name) for name in markets]
    starts: list[Start] = [partial(build_policy, name, config=learning) for name in policies]
    for start in starts:
        start(Scene.of(guard.shop))
    progress.start("rehearsing", len(kinds))
    cells: list[Cell] = []
    for kind in kinds:
        *courses, fixed = rehearse(guard, kind, [*starts, every_price], config)
        best = best_fixed(fixed, guard.shop.prices.shape[1])
        for name, course in zip(policies, courses, strict=True):
            cells.append(_cell(name, kind.name, course, best, config))
        progress.advance(1, kind.name)
    ordered = [one for name in policies for one in cells if one.policy == name]
    return RegretMatrix(tuple(policies), tuple(markets), ordered, config.market.days, config.replications)


def every_price(scene: Scene) -> Policy:
    """Return the policy that stays at the first price of the menu, then at the second, and so on, in
    copies."""
    count = scene.prices.shape[1]
    wide = scene.repeated(count)
    return Constant(wide, column=np.repeat(np.arange(count), len(scene.start)))


def best_fixed(course: Course, count: int) -> np.ndarray:
    """Return the profit of the best of ``count`` prices for each row, from a course of
    :func:`every_price`."""
    return np.asarray(course.total.reshape(count, -1).max(axis=0))


def _cell(name: str, market: str, course: Course, best: np.ndarray, config: RehearsalConfig) -> Cell:
    copies, days = config.replications, config.market.days
    earned = course.total.reshape(copies, -1).sum(axis=1)
    yardstick = best.reshape(copies, -1).sum(axis=1)
    regret, low, high = ratio_interval(yardstick - earned, yardstick)
    return Cell(
        name,
        market,
        regret,
        low,
        high,
        float(earned.mean() / days),
        float(yardstick.mean() / days),
        float(course.moves.mean() * 7 / days),
        course.stuck / course.profit.size,
    )


def ratio_interval(part: np.ndarray, whole: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Return sum(part) / sum(whole) with a t interval over replications (delta method).

    Examples
    --------
    >>> [round(one, 3) for one in ratio_interval(np.array([1.0, 3.0]), np.array([10.0, 10.0]))]
    [0.2, -1.071, 1.471]
    """
    ratio = float(part.sum() / whole.sum())
    if len(part) < 2:
        return ratio, float("nan"), float("nan")
    residual = (part - ratio * whole) / whole.mean()
    error = float(residual.std(ddof=1) / np.sqrt(len(part)))
    reach = float(stats.t.ppf(0.5 + level / 2, len(part) - 1)) * error
    return ratio, ratio - reach, ratio + reach


def verdicts(matrix: RegretMatrix) -> list[str]:
    """Say in sentences what a matrix shows: the best learner, the price of learning, and what went wrong."""
    learners = [name for name in matrix.policies if name in POLICIES and POLICIES[name].learns]
    said = []
    for market in matrix.markets:
        cells = [matrix.cell(name, market) for name in learners]
        if not cells:
            continue
        best = min(cells, key=lambda one: one.regret)
        said.append(f"{market}: {_sentence(best)}")
    worst = max(matrix.cells, key=lambda one: one.stuck_days, default=None)
    if worst is not None and worst.stuck_days > 0:
        said.append(
            f"on up to {worst.stuck_days:.1%} of the days no price on the menu kept the rules, and the "
            f"price stood "
            f"({worst.policy} in {worst.market})"
        )
    return said


def _sentence(cell: Cell) -> str:
    amount = f"{abs(cell.regret):.1%}"
    if cell.high < 0:
        return f"{cell.policy} earns {amount} more than the best fixed price."
    if cell.regret <= MOST_LOSS:
        return f"{cell.policy} comes within {amount} of the best fixed price, which nobody knows before."
    return f"every learner gives up {amount} or more; a fixed price may be the wiser choice."
