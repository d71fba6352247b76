"""Policies whose prices know nothing of each other: the textbook bandits, for comparison."""

from __future__ import annotations

import numpy as np

from pricelm.decisions.dynamic.fixed_policies import daily_shape
from pricelm.decisions.dynamic.policy import Policy, PolicyConfig, best_of, daily_profit, shares
from pricelm.decisions.dynamic.records import Outcome, Scene, Situation

_DRAWS = 64


class _Arms(Policy):
    """Units at each price are Poisson with a gamma prior of their own.

    The prior is worth a day and starts from the known demand, so that no price has to be tried first.
    """

    _PRIOR_DAYS = 1.0

    def __init__(self, scene: Scene, config: PolicyConfig = PolicyConfig()) -> None:
        super().__init__(scene, config)
        self._prior = scene.units[:, None] * daily_shape(scene)
        self._days, self._units = np.zeros(scene.prices.shape), np.zeros(scene.prices.shape)

    def gammas(self) -> tuple[np.ndarray, np.ndarray]:
        """Return shape and rate of the belief on the units a day at each price, shape (n, K) each."""
        days = self._PRIOR_DAYS + self._days
        units = self._PRIOR_DAYS * self._prior + self._units
        spread = self.config.dispersion(self.scene.units)[:, None]
        return units / spread, days / spread

    def learn(self, situation: Situation, outcome: Outcome) -> None:
        """Count the day for its own price only."""
        at = np.arange(len(outcome.column))
        told = ~outcome.sold_out
        self._days *= self.config.memory
        self._units *= self.config.memory
        self._days[at, outcome.column] += told
        self._units[at, outcome.column] += np.where(told, outcome.units, 0.0)


class ThompsonArms(_Arms):
    """Thompson sampling with a belief of its own for each price.

    Probabilities are shares of 64 draws, so each is a multiple of 1/64 before exploration.
    """

    name = "thompson-arms"

    def __init__(self, scene: Scene, config: PolicyConfig = PolicyConfig()) -> None:
        super().__init__(scene, config)
        self._rng = np.random.default_rng([scene.seed, 641])

    def preferences(self, situation: Situation) -> np.ndarray:
        """Return the share of draws in which each price is the best."""
        shape, rate = self.gammas()
        n, count = shape.shape
        drawn = self._rng.standard_gamma(np.maximum(shape, 1e-9)[:, None, :], (n, _DRAWS, count))
        best = best_of(daily_profit(drawn / rate[:, None, :], self.scene, situation), situation)
        return shares(best, np.full(best.shape, 1 / _DRAWS), count)


class UcbArms(_Arms):
    """UCB with a belief of its own for each price."""

    name = "ucb-arms"

    def preferences(self, situation: Situation) -> np.ndarray:
        """Put all weight on the best upper confidence bound of the profit."""
        shape, rate = self.gammas()
        reach = shape / rate + self.config.optimism * np.sqrt(shape) / rate
        best = best_of(daily_profit(reach, self.scene, situation), situation)
        return np.eye(shape.shape[1])[best]
