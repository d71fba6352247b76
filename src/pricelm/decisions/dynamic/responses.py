"""Price responses: shapes of demand that all prices of a product share, and beliefs over them.

Two prices are not two strangers: what is sold at one tells of the other. A shape gives the demand at every
price relative to the first one; the belief keeps a weight for each of a grid of shapes, and the level of
demand as a gamma variable for each, which is exact for Poisson units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from pricelm.decisions.dynamic.records import Outcome, Scene

_ELASTICITIES = np.linspace(-6.0, -0.4, 29)
_SHARES = (0.15, 0.5)
_LEAST_ERROR = 0.5


@dataclass(frozen=True, eq=False)
class ResponseGrid:
    """Shapes that demand may have, with their prior weights.

    Parameters
    ----------
    demand : numpy.ndarray
        Demand at each price relative to the first one, shape (n, G, K).
    log_prior : numpy.ndarray
        Logarithm of the prior weights, shape (n, G).
    """

    demand: np.ndarray
    log_prior: np.ndarray


def loglinear_demand(relative: np.ndarray, elasticity: np.ndarray | float) -> np.ndarray:
    """Return demand of a constant elasticity, relative to that at 1.

    Examples
    --------
    >>> loglinear_demand(np.array([0.5, 1.0, 2.0]), -2.0).tolist()
    [4.0, 1.0, 0.25]
    """
    return np.exp(np.asarray(elasticity) * np.log(relative))


def logit_demand(relative: np.ndarray, elasticity: np.ndarray | float, share: float) -> np.ndarray:
    """Return demand of customers whose willingness to pay is logistic, relative to that at 1.

    Parameters
    ----------
    relative : numpy.ndarray
        Prices over the first price.
    elasticity : float or numpy.ndarray
        At the first price; it grows with the price.
    share : float
        Share of the customers that buy at the first price, between 0 and 1.

    Examples
    --------
    >>> logit_demand(np.array([0.5, 1.0, 2.0]), -2.0, 0.5).round(3).tolist()
    [1.762, 1.0, 0.036]
    """
    slope = np.asarray(elasticity) / (1 - share)
    start = np.log(share / (1 - share))
    return expit(start + slope * (relative - 1)) / share


def loglinear_grid(scene: Scene) -> ResponseGrid:
    """Return constant elasticities around the one that is known."""
    demand = loglinear_demand(scene.relative[:, None, :], _ELASTICITIES[None, :, None])
    return ResponseGrid(demand, _normal_prior(scene, _ELASTICITIES))


def logit_grid(scene: Scene) -> ResponseGrid:
    """Return logistic shapes whose elasticity at the first price is around the one that is known."""
    parts = [
        logit_demand(scene.relative[:, None, :], _ELASTICITIES[None, :, None], share) for share in _SHARES
    ]
    return ResponseGrid(np.concatenate(parts, axis=1), np.tile(_normal_prior(scene, _ELASTICITIES), (1, 2)))


def any_grid(scene: Scene) -> ResponseGrid:
    """Return the shapes of both families; which one holds is learned too."""
    first, second = loglinear_grid(scene), logit_grid(scene)
    priors = np.concatenate([first.log_prior, second.log_prior - np.log(len(_SHARES))], axis=1)
    return ResponseGrid(np.concatenate([first.demand, second.demand], axis=1), priors)


def _normal_prior(scene: Scene, points: np.ndarray) -> np.ndarray:
    # what was learned from the past is never so sure that the present could not correct it
    error = np.maximum(scene.elasticity_error, _LEAST_ERROR)[:, None]
    logs = -0.5 * ((points[None, :] - scene.elasticity[:, None]) / error) ** 2
    return logs - logs.max(axis=1, keepdims=True)


class ResponseBelief:
    """What is believed of the shape and level of demand, for n products.

    Given a shape h, units at price p are Poisson with mean ``level * h(p)`` and the level has a gamma
    prior, so the weight of every shape is known in closed form from three sums. Each day the sums fade by
    ``memory`` towards the prior, which lets the belief follow a market that moves.

    Parameters
    ----------
    grid : ResponseGrid
        Shapes.
    units : numpy.ndarray
        Units a day expected at the first price, shape (n,).
    memory : float, default 0.99
        What is left of yesterday's evidence, above 0 to 1; 1 forgets nothing.
    dispersion : float or numpy.ndarray, default 1
        Variance of daily units over their mean, shape (n,): evidence is divided by it, because days differ by
        more than chance.

    Examples
    --------
    >>> from pricelm.decisions.dynamic.records import Outcome, Scene
    >>> one = np.array([1.0])
    >>> scene = Scene(np.array([[9.0, 10.0]]), 6 * one, 20 * one, -2 * one, one, np.array([1]))
    >>> belief = ResponseBelief(loglinear_grid(scene), scene.units)
    >>> for units in (40, 18, 42, 21):
    ...     belief.learn(Outcome(np.array([units < 30]).astype(int), np.array([units]), np.array([False])))
    >>> bool((belief.weights @ _ELASTICITIES)[0] < -2)
    True
    """

    _STRENGTH = 4.0

    def __init__(
        self,
        grid: ResponseGrid,
        units: np.ndarray,
        memory: float = 0.99,
        dispersion: float | np.ndarray = 1.0,
    ) -> None:
        self.grid, self._memory = grid, memory
        self._dispersion = np.broadcast_to(np.asarray(dispersion, dtype=np.float64), units.shape)
        n, count, _ = grid.demand.shape
        self._log_demand = np.log(np.maximum(grid.demand, 1e-12))
        # a level as good as four days at the known units
        self._prior_days = self._STRENGTH * self._dispersion / np.maximum(units, 1e-9)
        self._prior_units = self._STRENGTH * self._dispersion
        self._fit, self._exposure, self._units = np.zeros((n, count)), np.zeros((n, count)), np.zeros(n)

    def learn(self, outcome: Outcome) -> None:
        """Take in a day; days that sold out tell too little and are left aside."""
        at = np.arange(len(outcome.column))
        told = ~outcome.sold_out
        for kept in (self._fit, self._exposure, self._units):
            kept *= self._memory
        self._fit += np.where(told, outcome.units, 0.0)[:, None] * self._log_demand[at, :, outcome.column]
        self._exposure += told[:, None] * self.grid.demand[at, :, outcome.column]
        self._units += np.where(told, outcome.units, 0.0)

    @property
    def weights(self) -> np.ndarray:
        """Posterior weight of every shape, shape (n, G)."""
        total = (self._prior_units + self._units)[:, None]
        evidence = self._fit - total * np.log(self._prior_days[:, None] + self._exposure)
        logs = self.grid.log_prior + evidence / self._dispersion[:, None]
        logs -= logs.max(axis=1, keepdims=True)
        weights = np.exp(logs)
        return weights / weights.sum(axis=1, keepdims=True)

    @property
    def levels(self) -> np.ndarray:
        """Expected units a day at the first price, given each shape, shape (n, G)."""
        return (self._prior_units + self._units)[:, None] / (self._prior_days[:, None] + self._exposure)

    def expected_units(self) -> np.ndarray:
        """Return expected units a day for every shape and price, shape (n, G, K)."""
        return self.levels[:, :, None] * self.grid.demand
