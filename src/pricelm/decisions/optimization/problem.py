"""The problem as arrays: a grid of prices a product, what each is worth, what it uses up, what ties them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.knowledge.rule import TOLERANCE, Inequality

_RELATIVE = 1e-7


@dataclass(frozen=True)
class Link:
    """An inequality between prices, with the rule that it comes from.

    Parameters
    ----------
    rule_id : str
        The rule.
    inequality : Inequality
        ``sum(coefficients * price) >= at_least``.
    penalty : float or None, default None
        Cost of a unit of violation; None for a hard rule.
    """

    rule_id: str
    inequality: Inequality
    penalty: float | None = None


@dataclass(frozen=True)
class CrossGroup:
    """Products whose prices move each other's sales.

    Units of product i are ``own_units[i, j] * exp(sum over l of log_factor[i, l, k])`` when i takes its
    price j and l its price k.

    Parameters
    ----------
    rows : numpy.ndarray
        Positions of the g products.
    own_units : numpy.ndarray
        Units at each price with all others at their current price, shape (g, m).
    log_factor : numpy.ndarray
        Shape (g, g, m); zero for a product on itself.
    value_fixed, value_per_unit : numpy.ndarray
        Worth of a price that does not depend on units, and worth of each unit, shape (g, m).
    usage_fixed, usage_per_unit : numpy.ndarray
        The same for what portfolio rules sum, shape (rules, g, m).
    """

    rows: np.ndarray
    own_units: np.ndarray
    log_factor: np.ndarray
    value_fixed: np.ndarray
    value_per_unit: np.ndarray
    usage_fixed: np.ndarray
    usage_per_unit: np.ndarray

    def units(self, choices: np.ndarray) -> np.ndarray:
        """Return units at joint choices, shape (configurations, g) in and out."""
        g = len(self.rows)
        log = np.zeros(choices.shape)
        for other in range(g):
            log += self.log_factor[:, other, :][:, choices[:, other]].T
        return self.own_units[np.arange(g), choices] * np.exp(log)

    def worth(self, choices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return value (configurations,) and usage (rules, configurations) of joint choices."""
        each = np.arange(len(self.rows))
        units = self.units(choices)
        value = self.value_fixed[each, choices] + self.value_per_unit[each, choices] * units
        usage = self.usage_fixed[:, each, choices] + self.usage_per_unit[:, each, choices] * units
        return value.sum(axis=1), usage.sum(axis=2)


@dataclass(frozen=True, eq=False)
class PricingProblem:
    """Choose one price a product.

    Parameters
    ----------
    prices : numpy.ndarray
        Grid, shape (n, m).
    value : numpy.ndarray
        What each price is worth a period, shape (n, m); costs of soft rules on single prices are taken off.
    allowed : numpy.ndarray
        Which prices keep the hard rules on single prices, bool of shape (n, m).
    usage : numpy.ndarray
        What each price adds to the sums of portfolio rules, shape (rules, n, m).
    limits : numpy.ndarray
        What each sum may be at most, shape (rules,).
    caps : numpy.ndarray
        Cost of a unit above the limit; infinite for a hard rule, shape (rules,).
    links : sequence of Link, optional
        What ties prices to each other.
    groups : sequence of CrossGroup, optional
        Products that move each other's sales; a product is in one at most.
    portfolio_ids : sequence of str, optional
        Ids of the portfolio rules.
    broken : dict of str to numpy.ndarray, optional
        Hard rule on single prices to the prices that break it, bool of shape (n, m); for explanations.
    priorities : dict of str to int, optional
        Rule to importance.

    Raises
    ------
    ConfigError
        If shapes do not fit, or a number is not finite.

    Examples
    --------
    >>> grid = np.array([[1.0, 2.0]])
    >>> PricingProblem.of(grid, value=grid).score(np.array([1]))
    2.0
    """

    prices: np.ndarray
    value: np.ndarray
    allowed: np.ndarray
    usage: np.ndarray
    limits: np.ndarray
    caps: np.ndarray
    links: Sequence[Link] = ()
    groups: Sequence[CrossGroup] = ()
    portfolio_ids: Sequence[str] = ()
    broken: dict[str, np.ndarray] = field(default_factory=dict)
    priorities: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, m = self.prices.shape
        if self.value.shape != (n, m) or self.allowed.shape != (n, m) or self.usage.shape[1:] != (n, m):
            raise ConfigError(
                f"expected values, masks and usages for {n} x {m} prices, got {self.value.shape}, "
                f"{self.allowed.shape}, {self.usage.shape}"
            )
        if m < 2:
            raise ConfigError("expected at least two prices a product, got one price only: nothing to choose")
        finite = np.isfinite(self.value[self.allowed]).all() and np.isfinite(self.limits).all()
        if not (finite and np.isfinite(self.usage).all() and np.isfinite(self.prices).all()):
            raise ConfigError("expected finite prices, values and usages, got NaN or infinity among them")

    @classmethod
    def of(
        cls, prices: np.ndarray, value: np.ndarray, allowed: np.ndarray | None = None, **more: object
    ) -> PricingProblem:
        """Return a problem with nothing but prices and values, and what ``more`` says."""
        n, m = prices.shape
        free = np.ones((n, m), dtype=bool) if allowed is None else allowed
        nothing = {"usage": np.zeros((0, n, m)), "limits": np.zeros(0), "caps": np.zeros(0)}
        return cls(prices, value, free, **{**nothing, **more})  # type: ignore[arg-type]

    def totals(self, choice: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the sum of values, and the sums of portfolio rules, shape (rules,), at a choice."""
        rows = np.arange(len(choice))
        value, usage = self.value[rows, choice].copy(), self.usage[:, rows, choice]
        total, used = 0.0, np.zeros(len(self.limits))
        for group in self.groups:
            one, use = group.worth(choice[group.rows][None, :])
            total, used = total + float(one[0]), used + use[:, 0]
            value[group.rows] = 0.0
            usage[:, group.rows] = 0.0
        return total + float(value.sum()), used + usage.sum(axis=1)

    def score(self, choice: np.ndarray) -> float:
        """Return the objective at a choice of columns, costs of soft rules taken off.

        Parameters
        ----------
        choice : numpy.ndarray
            A column each, shape (n,).

        Returns
        -------
        float
            Minus infinity when a hard rule is broken.
        """
        rows = np.arange(len(choice))
        if not self.allowed[rows, choice].all():
            return -np.inf
        value, used = self.totals(choice)
        over = np.maximum(used - self.limits, 0.0)
        hard = np.isinf(self.caps)
        if (over[hard] > self.slackness()[hard]).any():
            return -np.inf
        value -= float(over[~hard] @ self.caps[~hard])
        price = self.prices[rows, choice]
        for link in self.links:
            slack = link.inequality.slack(price)
            if link.penalty is not None:
                value += link.penalty * min(slack, 0.0)
            elif slack < -TOLERANCE:
                return -np.inf
        return value

    def slackness(self) -> np.ndarray:
        """Return by how much a sum may pass its limit because of rounding, shape (rules,)."""
        size = (
            np.abs(self.usage).max(axis=(1, 2), initial=0.0)
            if self.usage.size
            else np.zeros(len(self.limits))
        )
        return _RELATIVE * np.maximum(np.maximum(np.abs(self.limits), size), 1.0)


@dataclass(frozen=True, eq=False)
class Solution:
    """The outcome of an optimization.

    Parameters
    ----------
    status : str
        ``"optimal"`` (the gap is within the tolerance), ``"feasible"`` (it is not) or ``"infeasible"``.
    choice : numpy.ndarray
        Column of the grid each, shape (n,); empty when infeasible.
    value, bound : float
        Objective reached, and what no choice can exceed.
    multipliers : numpy.ndarray
        What one more unit of each portfolio limit is worth, shape (rules,).
    relax : tuple of str
        Smallest set of rules to relax, when infeasible.
    reason : str
        Why it is infeasible, or why not optimal; empty otherwise.
    """

    status: str
    choice: np.ndarray
    value: float
    bound: float
    multipliers: np.ndarray
    relax: tuple[str, ...] = ()
    reason: str = ""

    @property
    def gap(self) -> float:
        """Bound minus value, over the larger of the two sizes."""
        if self.status == "infeasible":
            return np.inf
        return max(self.bound - self.value, 0.0) / max(abs(self.value), abs(self.bound), 1e-9)
