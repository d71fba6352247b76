"""Rules that look at competitors: position, and key value items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule import PriceRule
from pricelm.knowledge.settings import Number, read_text, setting


@dataclass(frozen=True, kw_only=True)
class CompetitorPosition(PriceRule):
    """The price stays within a corridor around the competitor's price.

    A product without a competitor price, or with one older than ``max_age_days``, is left free.
    """

    kind = "competitor_position"
    example = "{at_most: 1.05, at_least: 0.9, observed_column: observed_at, max_age_days: 7}"

    at_most: float | None = setting("highest price over the competitor's", Number(0.01, 100), default=None)
    at_least: float | None = setting("lowest price over the competitor's", Number(0, 100), default=None)
    column: str = setting("column with the competitor's price", read_text, default="competitor_price")
    observed_column: str | None = setting("column with the day it was seen", read_text, default=None)
    max_age_days: int = setting("oldest observation that counts", Number(0, 3650, whole=True), default=14)

    def __post_init__(self) -> None:
        if self.at_most is None and self.at_least is None:
            raise self.fail("at_most, at_least, or both")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise self.fail(f"at_least of at most {self.at_most:g}, got {self.at_least:g}")

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return the corridor around competitor prices that are known and fresh."""
        price = facts.numbers(self.column, self.name)
        known = price > 0
        if self.observed_column is not None:
            age = facts.days_since(self.observed_column, self.name)
            known &= age <= self.max_age_days
        low = np.where(known, price * (self.at_least or 0.0), 0.0)
        high = np.full(len(facts), np.inf)
        if self.at_most is not None:
            high = np.where(known, price * self.at_most, np.inf)
        return low, high


@dataclass(frozen=True, kw_only=True)
class KeyValueItem(PriceRule):
    """A product that customers judge the shop by is never dearer than a rival's and rises little.

    The products are those whose flag is set, or all in scope without a flag column.
    """

    kind = "key_value_item"
    example = "{flag_column: key_value_item, max_increase: 0.02}"

    flag_column: str | None = setting("column that marks the products", read_text, default=None)
    competitor_column: str | None = setting("column with the rival's price", read_text, default=None)
    above_competitor: float = setting(
        "how far above the rival it may be, as a share", Number(0, 10), default=0.0
    )
    max_increase: float = setting(
        "largest rise over the current price, as a share", Number(0, 10), default=0.0
    )

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower of the two ceilings for marked products."""
        high = facts.price * (1 + self.max_increase)
        if self.competitor_column is not None:
            rival = facts.numbers(self.competitor_column, self.name) * (1 + self.above_competitor)
            high = np.fmin(high, np.where(rival > 0, rival, np.nan))
        if self.flag_column is not None:
            high = np.where(facts.flags(self.flag_column, self.name), high, np.inf)
        return np.zeros(len(facts)), high
