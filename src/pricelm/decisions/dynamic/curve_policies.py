"""Policies whose prices share a demand curve: Thompson sampling and UCB over shapes of demand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pricelm.decisions.dynamic.policy import Policy, PolicyConfig, best_of, daily_profit, shares
from pricelm.decisions.dynamic.records import Outcome, Scene, Situation
from pricelm.decisions.dynamic.responses import (
    ResponseBelief,
    ResponseGrid,
    any_grid,
    logit_grid,
    loglinear_grid,
)


class _Curve(Policy):
    grid: ClassVar[staticmethod[[Scene], ResponseGrid]]

    def __init__(self, scene: Scene, config: PolicyConfig = PolicyConfig()) -> None:
        super().__init__(scene, config)
        spread = config.dispersion(scene.units)
        self.belief = ResponseBelief(self.grid(scene), scene.units, config.memory, spread)

    def profits(self, situation: Situation) -> np.ndarray:
        """Return the profit of a day for every shape and price, shape (n, G, K)."""
        return daily_profit(self.belief.expected_units(), self.scene, situation)

    def learn(self, situation: Situation, outcome: Outcome) -> None:
        """Learn shape and level from the units of the day."""
        self.belief.learn(outcome)


class Thompson(_Curve):
    """Thompson sampling over demand curves: a price comes as often as it is believed to be the best.

    The belief is a weight for each of a grid of log-linear and logistic shapes, so the probability of each
    price is known exactly and needs no draws.
    """

    name = "thompson"
    grid = staticmethod(any_grid)

    def preferences(self, situation: Situation) -> np.ndarray:
        """Return the probability that each price is the best."""
        best = best_of(self.profits(situation), situation)
        weights = self.belief.weights**self.config.sharpness
        return shares(best, weights / weights.sum(axis=1, keepdims=True), self.scene.prices.shape[1])


class ThompsonLoglinear(Thompson):
    """Thompson sampling over constant elasticities."""

    name = "thompson-loglinear"
    grid = staticmethod(loglinear_grid)


class ThompsonLogit(Thompson):
    """Thompson sampling over logistic willingness to pay."""

    name = "thompson-logit"
    grid = staticmethod(logit_grid)


class Ucb(_Curve):
    """UCB over demand curves: the price with the highest profit within reach of what is believed."""

    name = "ucb"
    grid = staticmethod(any_grid)

    def preferences(self, situation: Situation) -> np.ndarray:
        """Put all weight on the best upper confidence bound."""
        profits, weights = self.profits(situation), self.belief.weights[:, :, None]
        mean = (weights * profits).sum(axis=1)
        spread = np.sqrt((weights * (profits - mean[:, None, :]) ** 2).sum(axis=1))
        best = best_of(mean + self.config.optimism * spread, situation)
        return np.eye(self.scene.prices.shape[1])[best]
