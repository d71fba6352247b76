"""What a pricing policy is: a morning's view in, a probability for every allowed price out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.decisions.dynamic.records import Outcome, Scene, Situation


@dataclass(frozen=True)
class PolicyConfig:
    """How policies learn.

    Parameters
    ----------
    exploration : float, default 0.02
        Share of the days on which any allowed price may come, 0 to below 1. It is what makes a log usable
        to judge another policy.
    memory : float, default 0.98
        What is left of yesterday's evidence, above 0 to 1; 1 forgets nothing.
    optimism : float, default 1
        Of UCB: standard deviations above the expected profit.
    sharpness : float, default 2
        Of Thompson sampling over shapes: the power that the weights of the belief are raised to. 1 is the
        textbook; above it explores less, which pays where a year is all the time there is.
    noise : float, default 0.2
        How much days are taken to differ beyond chance, as a share of the units.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    exploration: float = 0.02
    memory: float = 0.98
    optimism: float = 1.0
    sharpness: float = 2.0
    noise: float = 0.2

    def __post_init__(self) -> None:
        fine = 0 <= self.exploration < 1 and 0 < self.memory <= 1 and 0 <= self.optimism <= 10
        if not (fine and 0 <= self.noise <= 2 and 0 < self.sharpness <= 100):
            raise ConfigError(
                "expected exploration from 0 to below 1, memory above 0 to 1, optimism from 0 to 10, "
                "sharpness "
                f"above 0 to 100 and noise from 0 to 2, got {self}"
            )

    def dispersion(self, units: np.ndarray) -> np.ndarray:
        """Return the variance of daily units over their mean, shape of ``units``."""
        return 1 + self.noise**2 * units


class Policy(ABC):
    """A way to set prices day by day, for n products at once.

    Parameters
    ----------
    scene : Scene
        Menu and prior knowledge.
    config : PolicyConfig
        How to learn.
    """

    name: ClassVar[str] = ""
    learns: ClassVar[bool] = True

    def __init__(self, scene: Scene, config: PolicyConfig = PolicyConfig()) -> None:
        self.scene, self.config = scene, config

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    def probabilities(self, situation: Situation) -> np.ndarray:
        """Return the probability of each price.

        Parameters
        ----------
        situation : Situation
            What can be seen.

        Returns
        -------
        numpy.ndarray
            Shape (n, K); rows sum to 1, and what is not allowed has 0.
        """
        chosen = np.where(situation.allowed, self.preferences(situation), 0.0)
        total = chosen.sum(axis=1, keepdims=True)
        even = situation.allowed / situation.allowed.sum(axis=1, keepdims=True)
        chosen = np.where(total > 0, chosen / np.where(total > 0, total, 1.0), even)
        if not self.learns:
            return chosen
        return (1 - self.config.exploration) * chosen + self.config.exploration * even

    @abstractmethod
    def preferences(self, situation: Situation) -> np.ndarray:
        """Return weights of 0 or more for the prices, shape (n, K), before exploration."""

    def learn(self, situation: Situation, outcome: Outcome) -> None:  # noqa: B027 - many learn nothing
        """Take in what a day brought; by default nothing is learned."""


def best_of(values: np.ndarray, situation: Situation) -> np.ndarray:
    """Return the column of the best allowed price.

    Parameters
    ----------
    values : numpy.ndarray
        What each price is worth, shape (n, ..., K).
    situation : Situation
        What is allowed.

    Returns
    -------
    numpy.ndarray
        Columns, shape (n, ...).
    """
    between = (1,) * (values.ndim - 2)
    allowed = situation.allowed.reshape(len(situation.allowed), *between, -1)
    return np.where(allowed, values, -np.inf).argmax(axis=-1)


def shares(columns: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Return the weight that falls on each price.

    Parameters
    ----------
    columns, weights : numpy.ndarray
        Best price of each sample and the weight of the sample, shape (n, G).
    count : int
        K.

    Examples
    --------
    >>> shares(np.array([[0, 2, 2]]), np.array([[0.5, 0.2, 0.3]]), 3).tolist()
    [[0.5, 0.0, 0.5]]
    """
    n = len(columns)
    flat = (np.arange(n)[:, None] * count + columns).ravel()
    return np.bincount(flat, weights.ravel(), minlength=n * count).reshape(n, count)


def daily_profit(units: np.ndarray, scene: Scene, situation: Situation) -> np.ndarray:
    """Return the profit of a day for expected units, shape (n, ..., K): no more can be sold than there is.

    Soft rules are counted with what breaking them costs.
    """
    between = (1,) * (units.ndim - 2)
    n, count = scene.prices.shape
    room = situation.room.reshape(n, *between, 1)
    sold = np.minimum(units, room)
    return sold * scene.margins.reshape(n, *between, count) + situation.penalty.reshape(n, *between, count)
