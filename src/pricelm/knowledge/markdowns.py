"""Markdown: stock that has to be gone by a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule import PriceRule
from pricelm.knowledge.settings import Number, read_day, read_text, setting


@dataclass(frozen=True, kw_only=True)
class MarkdownExit(PriceRule):
    """At the price, enough of the stock must be sold by the exit date.

    It counts expected units; where no demand is known it says nothing. Slack is in units.
    """

    kind = "markdown_exit"
    example = "{exit_date: 2027-02-28, sell_through: 0.9}"
    slack_unit = "units"

    exit_date: date | None = setting("day by which stock must be sold", read_day, default=None)
    exit_column: str | None = setting("column with that day of each product", read_text, default=None)
    sell_through: float = setting("share of the stock to be sold", Number(0, 1), default=1.0)
    stock_column: str = setting("column with the stock, in units", read_text, default="stock")
    period_days: float = setting("days that expected units are about", Number(0.01, 366), default=7.0)

    def __post_init__(self) -> None:
        if (self.exit_date is None) == (self.exit_column is None):
            raise self.fail("either exit_date or exit_column")

    def margins(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray | None) -> np.ndarray:
        """Return expected units until the exit minus the units that have to go."""
        stock = facts.numbers(self.stock_column, self.name)
        if self.exit_column is not None:
            days = -facts.days_since(self.exit_column, self.name)
        else:
            assert self.exit_date is not None
            days = np.full(len(facts), float((self.exit_date - facts.today).days))
        if units is None:
            return np.full(prices.shape, np.inf)
        sold = units * (np.maximum(days, 0.0) / self.period_days)[:, None]
        slack = sold - (stock * self.sell_through)[:, None]
        return np.where(np.isnan(slack), np.inf, slack)

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return no limits: what they are depends on demand."""
        return np.zeros(len(facts)), np.full(len(facts), np.inf)

    def touches(self, slack: float) -> bool:
        """Tell whether less than a unit is to spare."""
        return 0 <= slack < 1

    def demand_texts(self, facts: ProductFacts) -> list[str]:
        """Name the share and the day."""
        when = self.exit_date.isoformat() if self.exit_date else f"the day in {self.exit_column!r}"
        return [f"{self.sell_through:.0%} of the stock sold by {when}"] * len(facts)
