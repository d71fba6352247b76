"""Linear contextual Thompson sampling: level and elasticity move with season, trend and competitor."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from pricelm.decisions.dynamic.policy import Policy, PolicyConfig, best_of, daily_profit, shares
from pricelm.decisions.dynamic.records import Outcome, Scene, Situation

_POINTS = 41
_QUANTILES = norm.ppf((np.arange(_POINTS) + 0.5) / _POINTS)
_WEEK, _YEAR = 7.0, 365.25
_CONTEXT = 6
_WORST_SURPRISE = 3.0


class Contextual(Policy):
    """Linear Thompson sampling on the log of units: waves of week and year and the competitor move demand.

    The belief is a normal one on the coefficients of a Poisson regression, updated day by day as in a dynamic
    generalized linear model. The context sets the level; the elasticity has a part of its own that the yearly
    wave may move. A price comes as often as it is the best over 41 equally likely elasticities.

    References
    ----------
    West, Harrison and Migon (1985), Dynamic generalized linear models and Bayesian forecasting.
    """

    name = "contextual"

    def __init__(self, scene: Scene, config: PolicyConfig = PolicyConfig()) -> None:
        super().__init__(scene, config)
        n = len(scene.start)
        self._log_price = np.log(scene.relative)
        self._mean = np.zeros((n, _CONTEXT + 3))
        self._mean[:, 0] = np.log(scene.units)
        self._mean[:, _CONTEXT] = scene.elasticity
        width = np.tile([0.5, 0.2, 0.2, 0.3, 0.3, 1.0, 0.0, 0.7, 0.7], (n, 1))
        width[:, _CONTEXT] = np.maximum(scene.elasticity_error, 0.5)
        self._prior_mean, self._prior_precision = self._mean.copy(), _diagonal(width**-2)
        self._precision = self._prior_precision.copy()
        self._covariance = _diagonal(width**2)

    def preferences(self, situation: Situation) -> np.ndarray:
        """Return the share of equally likely elasticities for which each price is the best."""
        features = self._context(situation)
        level = np.einsum("nd,nd->n", features[:, :_CONTEXT], self._mean[:, :_CONTEXT])
        slope_of = features[:, _CONTEXT:]
        slope = np.einsum("nd,nd->n", slope_of, self._mean[:, _CONTEXT:])
        own = self._covariance[:, _CONTEXT:, _CONTEXT:]
        error = np.sqrt(np.maximum(np.einsum("nd,nde,ne->n", slope_of, own, slope_of), 0.0))
        drawn = slope[:, None] + error[:, None] * _QUANTILES
        log_units = level[:, None, None] + drawn[:, :, None] * self._log_price[:, None, :]
        units = np.exp(np.clip(log_units, -20, 20))
        best = best_of(daily_profit(units, self.scene, situation), situation)
        return shares(best, np.full(best.shape, 1 / _POINTS), self.scene.prices.shape[1])

    def learn(self, situation: Situation, outcome: Outcome) -> None:
        """Move the belief by one step of Newton's method on the day's Poisson likelihood."""
        at = np.arange(len(outcome.column))
        features = self._context(situation)
        features[:, _CONTEXT:] *= self._log_price[at, outcome.column][:, None]
        expected = np.exp(np.clip(np.einsum("nd,nd->n", features, self._mean), -20, 20))
        # one freak day must not throw the belief: the working residual is bounded
        surprise = np.clip(outcome.units / expected - 1, -1.0, _WORST_SURPRISE)
        weight = np.where(outcome.sold_out, 0.0, expected / self.config.dispersion(expected))
        memory = self.config.memory
        pulled = memory * self._precision + (1 - memory) * self._prior_precision
        target = memory * np.einsum("nde,ne->nd", self._precision, self._mean)
        target += (1 - memory) * np.einsum("nde,ne->nd", self._prior_precision, self._prior_mean)
        predicted = np.einsum("nd,nd->n", features, self._mean)
        self._precision = pulled + weight[:, None, None] * features[:, :, None] * features[:, None, :]
        target += (weight * (predicted + surprise))[:, None] * features
        self._covariance = np.linalg.inv(self._precision)
        self._mean = np.einsum("nde,ne->nd", self._covariance, target)

    def _context(self, situation: Situation) -> np.ndarray:
        """Return level features (constant, week, year, competitor) and slope features, shape (n, 9)."""
        n = len(situation.current)
        week, year = (2 * np.pi * situation.day / length for length in (_WEEK, _YEAR))
        rival = np.nan_to_num(np.log(situation.rival / self._first_price()), nan=0.0)
        waves = [np.sin(week), np.cos(week), np.sin(year), np.cos(year)]
        columns = [np.ones(n), *(np.full(n, wave) for wave in waves), rival]
        slopes = [np.ones(n), np.full(n, np.sin(year)), np.full(n, np.cos(year))]
        return np.stack([*columns, *slopes], axis=1)

    def _first_price(self) -> np.ndarray:
        return self.scene.prices[np.arange(len(self.scene.start)), self.scene.start]


def _diagonal(entries: np.ndarray) -> np.ndarray:
    return entries[:, :, None] * np.eye(entries.shape[1])[None, :, :]
