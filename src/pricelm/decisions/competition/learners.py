"""Sellers that learn prices by trial, to see whether the collusion warning works; Calvano et al. (2020).

Tabular Q-learning: the state is what all sellers charged last period, an action one of a grid of prices. Many
sessions run side by side as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.decisions.competition.collusion import CollusionWarning, judge_probes
from pricelm.decisions.competition.equilibrium import bertrand
from pricelm.decisions.competition.logit import LogitMarket

_DRAWS_AT_ONCE = 4096


@dataclass(frozen=True)
class LearnerConfig:
    """Q-learners as in the paper, which explores longer.

    Parameters
    ----------
    prices : int, default 15
        On the grid, from a tenth of the range below the competitive price to a tenth above the joint one.
    learning_rate : float, default 0.15
        Weight of the newest experience.
    exploration_decay : float, default 2e-5
        The chance of a random price is ``exp(-decay * period)``.
    patience : float, default 0.95
        Worth of a profit of the next period; 0 makes sellers that see only today, who compete.
    periods : int, default 300,000
        Length of the learning.
    """

    prices: int = 15
    learning_rate: float = 0.15
    exploration_decay: float = 2e-5
    patience: float = 0.95
    periods: int = 300_000


@dataclass(frozen=True, eq=False)
class Learned:
    """What a number of sessions ended with.

    Parameters
    ----------
    grid : numpy.ndarray
        Prices, shape (n_prices,).
    competitive, joint : numpy.ndarray
        Bertrand and joint prices, shape (2,).
    policies : numpy.ndarray
        Index of the next price of each seller by state, shape (n_sessions, 2, n_prices ** 2).
    last : numpy.ndarray
        Index of the last prices, shape (n_sessions, 2).
    """

    grid: np.ndarray
    competitive: np.ndarray
    joint: np.ndarray
    policies: np.ndarray
    last: np.ndarray

    def play(self, cut_by: int | None = None, steps: int = 3, calm: int = 15, after: int = 25) -> np.ndarray:
        """Let the policies play, and force one seller to a lower price once.

        Parameters
        ----------
        cut_by : {0, 1}, optional
            Who cuts; nobody by default.
        steps : int, default 3
            Depth of the cut in prices of the grid.
        calm, after : int
            Periods before and after the cut.

        Returns
        -------
        numpy.ndarray
            Prices, shape (n_sessions, calm + 1 + after, 2).
        """
        sessions = np.arange(len(self.last))
        state = self.last.copy()
        path = []
        for period in range(calm + 1 + after):
            number = state[:, 0] * len(self.grid) + state[:, 1]
            chosen = np.stack([self.policies[sessions, seller, number] for seller in (0, 1)], axis=1)
            if cut_by is not None and period == calm:
                chosen[:, cut_by] = np.maximum(chosen[:, cut_by] - steps, 0)
            state = chosen
            path.append(self.grid[chosen])
        return np.stack(path, axis=1)

    def judged(self) -> list[CollusionWarning]:
        """Return the verdict on each session: both sellers cut, by 2, 3 and 4 prices of the grid."""
        calm = self.play()
        probes = [self.play(seller, steps) for seller in (0, 1) for steps in (2, 3, 4)]
        levels = (self.competitive, self.joint)
        return [judge_probes(path, [one[at] for one in probes], levels) for at, path in enumerate(calm)]


def symmetric_market() -> LogitMarket:
    """Return the duopoly of the paper: quality 2, cost 1, differentiation 1/4."""
    return LogitMarket(np.array([8.0, 8.0]), np.array([1.0, 1.0]), np.array(["a", "b"]), 4.0)


def learn_sessions(
    market: LogitMarket, sessions: int, config: LearnerConfig = LearnerConfig(), seed: int = 0
) -> Learned:
    """Let two sellers learn, in many sessions at once.

    Parameters
    ----------
    market : LogitMarket
        Two sellers with one product each.
    sessions : int
        How many.
    config : LearnerConfig
        How they learn.
    seed : int, default 0
        Of everything random.

    Returns
    -------
    Learned
        The greedy policies at the end.

    Examples
    --------
    >>> learned = learn_sessions(symmetric_market(), 2, LearnerConfig(prices=3, periods=50))
    >>> learned.policies.shape
    (2, 2, 9)
    """
    rng = np.random.default_rng(seed)
    competitive, joint = bertrand(market).prices, bertrand(market.merged()).prices
    reach = 0.1 * (joint.max() - competitive.min())
    grid = np.linspace(competitive.min() - reach, joint.max() + reach, config.prices)
    pays = _payoffs(market, grid)
    n, rows = config.prices, np.arange(sessions)[:, None]
    sellers = np.arange(2)[None, :]
    start = np.stack([pays[0].mean(axis=1), pays[1].mean(axis=0)]) / max(1 - config.patience, 1e-9)
    if config.patience == 0:
        start = np.stack([pays[0].mean(axis=1), pays[1].mean(axis=0)])
    values = np.broadcast_to(start[None, :, None, :], (sessions, 2, n * n, n)).copy()
    last = rng.integers(n, size=(sessions, 2))
    for period in range(config.periods):
        place = period % _DRAWS_AT_ONCE
        if place == 0:
            chances = rng.random((_DRAWS_AT_ONCE, sessions, 2))
            randoms = rng.integers(n, size=(_DRAWS_AT_ONCE, sessions, 2))
        state = (last[:, 0] * n + last[:, 1])[:, None]
        best = values[rows, sellers, state].argmax(axis=2)
        explore = chances[place] < np.exp(-config.exploration_decay * period)
        chosen = np.where(explore, randoms[place], best)
        earned = np.stack([pays[0][chosen[:, 0], chosen[:, 1]], pays[1][chosen[:, 0], chosen[:, 1]]], axis=1)
        following = (chosen[:, 0] * n + chosen[:, 1])[:, None]
        target = earned + config.patience * values[rows, sellers, following].max(axis=2)
        old = values[rows, sellers, state, chosen]
        values[rows, sellers, state, chosen] = old + config.learning_rate * (target - old)
        last = chosen
    return Learned(grid, competitive, joint, values.argmax(axis=3), last)


def _payoffs(market: LogitMarket, grid: np.ndarray) -> np.ndarray:
    """Return the profits of both at every pair of prices, shape (2, n_prices, n_prices)."""
    found = np.zeros((2, len(grid), len(grid)))
    for i, first in enumerate(grid):
        for j, second in enumerate(grid):
            prices = np.array([first, second])
            found[:, i, j] = (prices - market.cost) * market.shares(prices)
    return found
