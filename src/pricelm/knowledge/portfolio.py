"""Rules on sums over products: budget, average margin, totals, price index, number of changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule import PortfolioRule
from pricelm.knowledge.settings import Number, one_of, read_text, setting

_SAME_PRICE = 0.005


@dataclass(frozen=True, kw_only=True)
class Budget(PortfolioRule):
    """Price cuts must not cost more than a budget a period: the cut times the units sold at the new price."""

    kind = "budget"
    example = "amount: 20000"

    amount: float = setting("most that price cuts may cost a period", Number(0))

    def parts(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return what each cut costs."""
        return np.maximum(facts.price[:, None] - prices, 0.0) * units

    @property
    def limit(self) -> float:
        """The budget."""
        return self.amount


@dataclass(frozen=True, kw_only=True)
class AverageMargin(PortfolioRule):
    """The margin rate over all products together must not fall below a share of their revenue."""

    kind = "average_margin"
    example = "margin_rate: 0.3"

    margin_rate: float = setting("least margin over revenue, of all together", Number(-1, 0.99))

    def parts(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return how much margin is wanting for the rate, in currency."""
        cost = facts.costs(self.name)[:, None]
        return (self.margin_rate * prices - (prices - cost)) * units


@dataclass(frozen=True, kw_only=True)
class TotalFloor(PortfolioRule):
    """Units, revenue or margin of all together must not fall below an amount or a share of today's."""

    kind = "total_floor"
    example = "{measure: units, share_of_current: 0.98}"

    measure: str = setting("what is summed", one_of("units", "revenue", "margin"))
    amount: float | None = setting("least sum a period", Number(), default=None)
    share_of_current: float | None = setting(
        "least sum as a share of that at the current prices", Number(0, 100), default=None
    )

    def __post_init__(self) -> None:
        if (self.amount is None) == (self.share_of_current is None):
            raise self.fail("either amount or share_of_current")

    def _sum(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray) -> np.ndarray:
        if self.measure == "units":
            return units
        if self.measure == "revenue":
            return prices * units
        return (prices - facts.costs(self.name)[:, None]) * units

    def parts(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return minus the sum, and the wanted share of today's beside it."""
        made = -self._sum(facts, prices, units)
        if self.share_of_current is not None:
            today = facts.numbers("units", self.name)[:, None]
            made = made + self.share_of_current * self._sum(facts, facts.price[:, None], today)
        return made

    @property
    def limit(self) -> float:
        """Minus the amount, or zero for a share, which stands in the sum itself."""
        return 0.0 if self.amount is None else -self.amount


@dataclass(frozen=True, kw_only=True)
class PriceIndex(PortfolioRule):
    """Prices against a competitor's, averaged with today's units as weights, must not pass a cap.

    Products without a competitor price do not count.
    """

    kind = "price_index"
    example = "at_most: 1.02"

    at_most: float = setting("highest average of own price over the competitor's", Number(0.01, 100))
    column: str = setting("column with the competitor's price", read_text, default="competitor_price")

    def parts(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return how far each is above the cap, weighted."""
        rival = facts.numbers(self.column, self.name)[:, None]
        weight = facts.numbers("units", self.name)[:, None]
        over = weight * (prices / np.where(rival > 0, rival, np.nan) - self.at_most)
        return np.nan_to_num(over, nan=0.0)


@dataclass(frozen=True, kw_only=True)
class ChangeCount(PortfolioRule):
    """Only so many prices may change at once."""

    kind = "change_count"
    example = "at_most: 500"

    at_most: int = setting("most prices that may change", Number(0, 1e9, whole=True))

    def parts(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return 1 for a price that is not the current one."""
        return (np.abs(prices - facts.price[:, None]) > _SAME_PRICE).astype(np.float64)

    @property
    def limit(self) -> float:
        """The number."""
        return float(self.at_most)
