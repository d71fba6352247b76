"""What a rule is: data with an identity, a weight and a scope, and one of three ways to bind prices."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pricelm.core.errors import RuleError
from pricelm.knowledge.facts import ProductFacts, Scope
from pricelm.knowledge.settings import Number, read_text, setting

# Less than half a cent is rounding and no violation.
TOLERANCE = 1e-6
_MINOR_UNIT = 0.01


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A limit on prices as data.

    Parameters
    ----------
    id : str
        Its name, unique in its file.
    priority : int, default 50
        0 to 100; where rules cannot hold together the less important ones are named first.
    penalty : float, optional
        Makes the rule soft: what a unit of violation costs in currency a period. Without it the rule is hard.
    scope : Scope
        Which products it is about.
    note : str, default ""
        Why it is there, for people.
    """

    kind: ClassVar[str] = ""
    version: ClassVar[int] = 1
    example: ClassVar[str] = ""
    slack_unit: ClassVar[str] = "currency"

    id: str = setting("its name, unique in the file", read_text)
    priority: int = setting("importance, where rules conflict", Number(0, 100, whole=True), default=50)
    penalty: float | None = setting(
        "makes the rule soft: cost of a unit of violation in currency a period", Number(0), default=None
    )
    note: str = setting("why it is there", read_text, default="")
    scope: Scope = field(default_factory=Scope)

    @property
    def hard(self) -> bool:
        """True when no price may break the rule."""
        return self.penalty is None

    @property
    def name(self) -> str:
        """Kind and id as people read them."""
        return f"{self.kind.replace('_', ' ')} '{self.id}'"

    def fail(self, expected: str) -> RuleError:
        """Return the error that says what was expected of the rule's settings."""
        return RuleError(f"{self.name}: expected {expected}. Correct it in the rules")

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class PriceRule(Rule, ABC):
    """A rule on the price of each product by itself."""

    def slack(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray | None = None) -> np.ndarray:
        """Return how far prices are from breaking the rule.

        Parameters
        ----------
        facts : ProductFacts
            n products.
        prices : numpy.ndarray
            Candidate prices, shape (n, m).
        units : numpy.ndarray, optional
            Expected units a period at each, shape (n, m), for rules on sales.

        Returns
        -------
        numpy.ndarray
            Shape (n, m), in `slack_unit`; negative where the rule is broken, infinite where it says nothing.
        """
        rows = np.flatnonzero(facts.selected(self.scope, self.name))
        if len(rows) == len(facts):
            return self.margins(facts, prices, units)
        result = np.full(prices.shape, np.inf)
        if len(rows):
            result[rows] = self.margins(
                facts.take(rows), prices[rows], None if units is None else units[rows]
            )
        return result

    def bounds(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return the lowest and highest price that the rule may allow, shape (n,) each."""
        low, high = np.zeros(len(facts)), np.full(len(facts), np.inf)
        rows = np.flatnonzero(facts.selected(self.scope, self.name))
        if len(rows):
            low[rows], high[rows] = self.limits(facts.take(rows))
        return low, high

    def landmarks(self, facts: ProductFacts) -> list[np.ndarray]:
        """Return prices, shape (n,) each, at which the verdict may change; NaN where there is none."""
        low, high = self.bounds(facts)
        return [np.where(low > 0, low, np.nan), np.where(np.isfinite(high), high, np.nan)]

    def margins(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray | None) -> np.ndarray:
        """Return the slack for products that are all in scope; by default the distance to the limits."""
        low, high = self.limits(facts)
        return np.minimum(prices - low[:, None], high[:, None] - prices)

    @abstractmethod
    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return lowest and highest price for products that are all in scope; 0 and infinity mean none."""

    def touches(self, slack: float) -> bool:
        """Tell whether a price that keeps the rule stands at its limit."""
        return -TOLERANCE <= slack < _MINOR_UNIT

    def demand_texts(self, facts: ProductFacts) -> list[str]:
        """Say what the rule asks of each product, all in scope, for example "at least 4.00"."""
        low, high = self.limits(facts)
        return [_range_text(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True)]


def _range_text(low: float, high: float) -> str:
    if math.isclose(low, high):
        return f"exactly {low:,.2f}"
    if low > 0 and math.isfinite(high):
        return f"{low:,.2f} to {high:,.2f}"
    if math.isfinite(high):
        return f"at most {high:,.2f}"
    return f"at least {low:,.2f}" if low > 0 else "no limit here"


@dataclass(frozen=True)
class Inequality:
    """``sum(coefficients * price[rows]) >= at_least``, from a coupling rule.

    Parameters
    ----------
    rows : tuple of int
        Positions of the products.
    coefficients : tuple of float
        One each.
    at_least : float
        In currency.
    text : str
        What it asks, for people.
    """

    rows: tuple[int, ...]
    coefficients: tuple[float, ...]
    at_least: float
    text: str

    def slack(self, prices: np.ndarray) -> float:
        """Return the slack at prices of all products, shape (n,)."""
        return float(np.dot(self.coefficients, prices[list(self.rows)]) - self.at_least)


class CouplingRule(Rule, ABC):
    """A rule that ties prices of several products to each other."""

    @abstractmethod
    def inequalities(self, facts: ProductFacts) -> list[Inequality]:
        """Return what has to hold among the products in scope.

        Raises
        ------
        RuleError
            If the rule names a column or product that is not there.
        """

    def chosen_rows(self, facts: ProductFacts) -> np.ndarray:
        """Return the positions of the products in scope."""
        return np.flatnonzero(facts.selected(self.scope, self.name))

    def row_of(self, facts: ProductFacts, sku: str) -> int:
        """Return the position of a product that the rule names; -1 if it is not in the table."""
        return facts.positions.get(sku, -1)


class PortfolioRule(Rule, ABC):
    """A rule on a sum over all products in scope: ``sum(usage) <= limit``."""

    def usage(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return what each price of each product adds to the sum.

        Parameters
        ----------
        facts : ProductFacts
            n products; a column ``units`` has the expected units a period at the current price.
        prices, units : numpy.ndarray
            Candidate prices and expected units at them, shape (n, m).

        Returns
        -------
        numpy.ndarray
            Shape (n, m); zero out of scope.
        """
        rows = np.flatnonzero(facts.selected(self.scope, self.name))
        if len(rows) == len(facts):
            return self.parts(facts, prices, units)
        result = np.zeros(prices.shape)
        if len(rows):
            result[rows] = self.parts(facts.take(rows), prices[rows], units[rows])
        return result

    @abstractmethod
    def parts(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return `usage` for products that are all in scope."""

    @property
    def limit(self) -> float:
        """What the sum of usages may be at most."""
        return 0.0
