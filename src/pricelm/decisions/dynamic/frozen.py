"""A learning policy, stopped: it learns from the first part of a log and is judged by the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import ConfigError, DataError
from pricelm.decisions.dynamic.decision_log import DecisionLog
from pricelm.decisions.dynamic.policy import Policy, PolicyConfig
from pricelm.decisions.dynamic.records import Outcome, Scene, Situation
from pricelm.decisions.dynamic.registry import build_policy

_ELASTICITY, _ERROR = -2.0, 1.5


@dataclass(frozen=True, eq=False)
class FrozenPolicy:
    """What a policy has learned up to a day; a :class:`pricelm.decisions.dynamic.off_policy.Target`.

    Parameters
    ----------
    policy : Policy
        It has learned and learns no more.
    places : dict
        (shop, sku) to its row in the policy.
    """

    policy: Policy
    places: dict[tuple[str, str], int]

    def probabilities(self, log: DecisionLog) -> np.ndarray:
        """Return what the policy would do in each row, among the prices that had a chance there."""
        rows = _places(log, self.places)
        days, result = log.frame["day"].to_numpy(), np.zeros(log.prices.shape)
        n, count = self.policy.scene.prices.shape
        for day in np.unique(days):
            today = np.flatnonzero(days == day)
            allowed = np.ones((n, count), dtype=bool)
            allowed[rows[today]] = log.propensities[today] > 0
            chances = self.policy.probabilities(_situation(int(day), allowed, self.policy.scene.start))
            result[today] = chances[rows[today]]
        return result


def learn_from_log(
    log: DecisionLog, name: str, share: float = 0.5, config: PolicyConfig = PolicyConfig()
) -> tuple[FrozenPolicy, DecisionLog]:
    """Let a policy learn from the first days of a log.

    Parameters
    ----------
    log : DecisionLog
        At least two days; every product has one menu throughout.
    name : str
        Of the policy.
    share : float, default 0.5
        Of the days to learn from.
    config : PolicyConfig
        How it learns.

    Returns
    -------
    FrozenPolicy
        What it would do.
    DecisionLog
        The later days, to judge it by.

    Raises
    ------
    ConfigError
        If the policy is not known, or no days are left on one side.
    DataError
        If a menu changes.
    """
    days = log.frame["day"].to_numpy()
    border = days.min() + share * (days.max() - days.min() + 1)
    early = days < border
    if not 0 < share < 1 or early.all() or not early.any():
        raise ConfigError(f"expected a share of the days that leaves some on both sides, got {share:g}")
    past, rest = log.take(np.flatnonzero(early)), log.take(np.flatnonzero(~early))
    keys = list(zip(log.frame["shop"], log.frame["sku"], strict=True))
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    rows = _places(log, places)
    policy = build_policy(name, _scene(log, past, rows, places), config)
    _replay(policy, past, _places(past, places))
    return FrozenPolicy(policy, places), rest


def _scene(
    log: DecisionLog, past: DecisionLog, rows: np.ndarray, places: dict[tuple[str, str], int]
) -> Scene:
    first = np.array([int(np.flatnonzero(rows == place)[0]) for place in range(len(places))])
    menu = log.prices[first]
    if not np.array_equal(menu[rows], log.prices) or np.isnan(menu).any():
        raise DataError(
            "expected the same prices on the menu of a product all through the log, got others. Judge a "
            "price "
            "with --price instead, or cut the log where the menu changes"
        )
    costs = log.frame["unit_cost"].to_numpy(dtype=np.float64)[first]
    own = _places(past, places)
    sold = np.bincount(own, past.frame["units"].to_numpy(dtype=np.float64), minlength=len(places))
    units = np.maximum(sold / np.maximum(np.bincount(own, minlength=len(places)), 1), 0.01)
    known = np.ones(len(places))
    return Scene(menu, costs, units, _ELASTICITY * known, _ERROR * known, log.column[first])


def _replay(policy: Policy, past: DecisionLog, rows: np.ndarray) -> None:
    n, count = policy.scene.prices.shape
    days, units = past.frame["day"].to_numpy(), past.frame["units"].to_numpy(dtype=np.float64)
    for day in np.unique(days):
        today = days == day
        column, sold, unseen = np.zeros(n, dtype=int), np.zeros(n), np.ones(n, dtype=bool)
        column[rows[today]], sold[rows[today]] = past.column[today], units[today]
        unseen[rows[today]] = False
        allowed = np.ones((n, count), dtype=bool)
        # a product without a row that day teaches nothing, like one that sold out
        policy.learn(_situation(int(day), allowed, column), Outcome(column, sold, unseen))


def _places(log: DecisionLog, places: dict[tuple[str, str], int]) -> np.ndarray:
    keys = zip(log.frame["shop"], log.frame["sku"], strict=True)
    return np.array([places[key] for key in keys], dtype=int)


def _situation(day: int, allowed: np.ndarray, current: np.ndarray) -> Situation:
    n = len(current)
    return Situation(day, allowed, np.zeros(allowed.shape), current, np.full(n, np.nan), np.full(n, np.inf))
