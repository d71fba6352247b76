"""Policies that learn nothing: hold, the best known price, and a rule of thumb."""

from __future__ import annotations

import numpy as np

from pricelm.decisions.dynamic.policy import Policy, PolicyConfig, best_of
from pricelm.decisions.dynamic.records import Outcome, Scene, Situation
from pricelm.decisions.dynamic.responses import loglinear_demand


class _Target(Policy):
    """A policy that goes to one price, or as near to it as is allowed."""

    learns = False

    def target(self, situation: Situation) -> np.ndarray:
        """Return the price wanted, shape (n,)."""
        raise NotImplementedError

    def preferences(self, situation: Situation) -> np.ndarray:
        """Put all weight on the allowed price nearest to the target."""
        distance = -np.abs(self.scene.prices - self.target(situation)[:, None])
        return np.eye(self.scene.prices.shape[1])[best_of(distance, situation)]


class Hold(_Target):
    """Leaves the price as it is."""

    name = "hold"

    def target(self, situation: Situation) -> np.ndarray:
        """Return the first price."""
        return self.scene.prices[np.arange(len(self.scene.start)), self.scene.start]


class Constant(_Target):
    """Goes to one column of the menu and stays there: the yardstick of regret."""

    name = "constant"

    def __init__(
        self, scene: Scene, config: PolicyConfig = PolicyConfig(), *, column: np.ndarray | int = 0
    ) -> None:
        super().__init__(scene, config)
        self.column = np.broadcast_to(np.asarray(column), scene.start.shape)

    def target(self, situation: Situation) -> np.ndarray:
        """Return the price of the column."""
        return self.scene.prices[np.arange(len(self.column)), self.column]


class Fixed(_Target):
    """Takes once the price that is best by what is known of demand, and keeps it."""

    name = "fixed"

    def target(self, situation: Situation) -> np.ndarray:
        """Return the price of most expected profit, soft rules left aside."""
        units = loglinear_demand(self.scene.relative, self.scene.elasticity[:, None])
        best = (units * self.scene.margins).argmax(axis=1)
        return self.scene.prices[np.arange(len(best)), best]


class RuleBased(_Target):
    """Goes a step up when sales run above plan and down when below, or stays just below the competitor.

    It never goes further than a tenth from the first price.
    """

    name = "rule-based"
    _WEEK = 1 / 7
    _SLOW, _BRISK = 0.85, 1.15
    _BELOW_RIVAL = 0.98
    _REACH = 0.1

    def __init__(self, scene: Scene, config: PolicyConfig = PolicyConfig()) -> None:
        super().__init__(scene, config)
        self._pace = np.ones(len(scene.start))

    def target(self, situation: Situation) -> np.ndarray:
        """Return the next price up or down the menu, or just below the competitor's."""
        move = np.where(self._pace > self._BRISK, 1, np.where(self._pace < self._SLOW, -1, 0))
        column = np.clip(situation.current + move, 0, self.scene.prices.shape[1] - 1)
        stepped = self.scene.prices[np.arange(len(column)), column]
        near = np.maximum(situation.rival * self._BELOW_RIVAL, self.scene.costs * 1.05)
        wanted = np.where(np.isfinite(situation.rival), near, stepped)
        first = self.scene.prices[np.arange(len(column)), self.scene.start]
        return np.clip(wanted, first * (1 - self._REACH), first * (1 + self._REACH))

    def learn(self, situation: Situation, outcome: Outcome) -> None:
        """Follow the pace of sales against what is expected at the price."""
        at = np.arange(len(outcome.column))
        planned = self.scene.units * daily_shape(self.scene)[at, outcome.column]
        pace = np.where(outcome.sold_out, np.maximum(outcome.units / planned, 1.5), outcome.units / planned)
        self._pace += self._WEEK * (pace - self._pace)


def daily_shape(scene: Scene) -> np.ndarray:
    """Return demand relative to that at the first price by the known elasticity, shape (n, K)."""
    return loglinear_demand(scene.relative, scene.elasticity[:, None])
