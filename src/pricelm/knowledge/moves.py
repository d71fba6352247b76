"""Rules on how a price may move: step, frequency, windows without changes, and the prior-price rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule import PriceRule
from pricelm.knowledge.settings import Number, read_day, read_text, setting


class _Hold(PriceRule):
    """A rule that may forbid any change: the limits are the current price."""

    def margins(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray | None) -> np.ndarray:
        """Return minus the change where the price is held."""
        change = -np.abs(prices - facts.price[:, None])
        return np.where(self.held(facts)[:, None], change, np.inf)

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return the current price twice where it is held."""
        held = self.held(facts)
        return np.where(held, facts.price, 0.0), np.where(held, facts.price, np.inf)

    def held(self, facts: ProductFacts) -> np.ndarray:
        """Tell which prices must stay as they are, bool of shape (n,)."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class MaximumStep(PriceRule):
    """One change must not move a price by more than a share of the current one."""

    kind = "maximum_step"
    example = "{up: 0.1, down: 0.2}"

    up: float | None = setting("largest rise, as a share of the current price", Number(0, 100), default=None)
    down: float | None = setting("largest cut, as a share of the current price", Number(0, 1), default=None)

    def __post_init__(self) -> None:
        if self.up is None and self.down is None:
            raise self.fail("up, down, or both")

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the step."""
        low = np.zeros(len(facts)) if self.down is None else facts.price * (1 - self.down)
        high = np.full(len(facts), np.inf) if self.up is None else facts.price * (1 + self.up)
        return low, high


@dataclass(frozen=True, kw_only=True)
class ChangeFrequency(_Hold):
    """A price that changed a short while ago stays as it is."""

    kind = "change_frequency"
    example = "min_days: 14"

    min_days: int = setting("least days between two changes", Number(1, 3650, whole=True))
    column: str = setting("column with the day of the last change", read_text, default="last_changed_at")

    def held(self, facts: ProductFacts) -> np.ndarray:
        """Tell which prices changed less than ``min_days`` ago; an empty date means long ago."""
        return facts.days_since(self.column, self.name) < self.min_days


@dataclass(frozen=True, kw_only=True)
class NoTouch(_Hold):
    """No price changes in a window of days, for example before a holiday."""

    kind = "no_touch"
    example = "{start: 2026-12-20, end: 2027-01-02}"

    start: date = setting("first day without changes", read_day)
    end: date = setting("last day without changes", read_day)

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise self.fail(f"start to be no later than end, got {self.start} and {self.end}")

    def held(self, facts: ProductFacts) -> np.ndarray:
        """Tell whether today is in the window, for all products alike."""
        return np.full(len(facts), self.start <= facts.today <= self.end)


@dataclass(frozen=True, kw_only=True)
class PriorPrice(PriceRule):
    """A price cut must be one against the lowest price of the last 30 days, not only against today's.

    Where the law has it so (in the EU, Directive 98/6/EC, Article 6a), an announced reduction is counted from
    the lowest price of at least 30 days before. A new price at or above the current one is no reduction.
    """

    kind = "prior_price"
    example = "{column: lowest_price_30d, minimum_reduction: 0.05}"

    column: str = setting("column with the lowest price of 30 days", read_text, default="lowest_price_30d")
    minimum_reduction: float = setting(
        "least cut against that price, as a share of it", Number(0, 0.99), default=0.0
    )

    def _highest_cut(self, facts: ProductFacts) -> np.ndarray:
        return facts.numbers(self.column, self.name) * (1 - self.minimum_reduction)

    def margins(self, facts: ProductFacts, prices: np.ndarray, units: np.ndarray | None) -> np.ndarray:
        """Return the larger distance of the two ways to keep the rule: no cut, or a real one."""
        no_cut = prices - facts.price[:, None]
        real_cut = self._highest_cut(facts)[:, None] - prices
        return np.where(np.isnan(real_cut), np.inf, np.maximum(no_cut, real_cut))

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return no limits: what is forbidden lies between allowed prices."""
        return np.zeros(len(facts)), np.full(len(facts), np.inf)

    def landmarks(self, facts: ProductFacts) -> list[np.ndarray]:
        """Return the highest price that is a real cut."""
        marks = np.full(len(facts), np.nan)
        rows = np.flatnonzero(facts.selected(self.scope, self.name))
        if len(rows):
            marks[rows] = self._highest_cut(facts.take(rows))
        return [marks]

    def demand_texts(self, facts: ProductFacts) -> list[str]:
        """Say both ways to keep the rule."""
        return [
            f"at most {cut:,.2f} or at least {price:,.2f}"
            for cut, price in zip(self._highest_cut(facts).tolist(), facts.price.tolist(), strict=True)
        ]
