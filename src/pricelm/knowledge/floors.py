"""Rules that bound each price from below or above: margin, floor, ceiling, minimum advertised price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule import PriceRule, Rule
from pricelm.knowledge.settings import Number, read_text, setting


def _amounts(rule: Rule, facts: ProductFacts, amount: float | None, column: str | None) -> np.ndarray:
    """Return a limit each, from the one amount or the column; NaN where the column is empty."""
    if column is not None:
        return facts.numbers(column, rule.name)
    return np.full(len(facts), np.nan if amount is None else amount)


@dataclass(frozen=True, kw_only=True)
class MarginFloor(PriceRule):
    """The margin must not fall below a share of the price or an amount a piece.

    Price and unit_cost have to be on the same tax base.
    """

    kind = "margin_floor"
    example = "margin_rate: 0.25"

    margin_rate: float | None = setting(
        "least share of the price that is margin", Number(0, 0.99), default=None
    )
    unit_margin: float | None = setting("least margin a piece, in currency", Number(), default=None)

    def __post_init__(self) -> None:
        if self.margin_rate is None and self.unit_margin is None:
            raise self.fail("margin_rate, unit_margin, or both")

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return the lowest price that keeps both margins."""
        cost = facts.costs(self.name)
        low = np.zeros(len(facts))
        if self.margin_rate is not None:
            low = np.maximum(low, cost / (1 - self.margin_rate))
        if self.unit_margin is not None:
            low = np.maximum(low, cost + self.unit_margin)
        return low, np.full(len(facts), np.inf)


@dataclass(frozen=True, kw_only=True)
class PriceFloor(PriceRule):
    """The price must not be below an amount, the same for all or from a column."""

    kind = "price_floor"
    example = "amount: 4.99"

    amount: float | None = setting("lowest price", Number(0), default=None)
    column: str | None = setting("column with the lowest price of each product", read_text, default=None)

    def __post_init__(self) -> None:
        if (self.amount is None) == (self.column is None):
            raise self.fail("either amount or column")

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return the floor; none where the column is empty."""
        floor = _amounts(self, facts, self.amount, self.column)
        return np.nan_to_num(floor, nan=0.0), np.full(len(facts), np.inf)


@dataclass(frozen=True, kw_only=True)
class PriceCeiling(PriceRule):
    """The price must not be above an amount, the same for all or from a column."""

    kind = "price_ceiling"
    example = "column: price_ceiling"

    amount: float | None = setting("highest price", Number(0), default=None)
    column: str | None = setting("column with the highest price of each product", read_text, default=None)

    def __post_init__(self) -> None:
        if (self.amount is None) == (self.column is None):
            raise self.fail("either amount or column")

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return the ceiling; none where the column is empty."""
        ceiling = _amounts(self, facts, self.amount, self.column)
        return np.zeros(len(facts)), np.where(np.isnan(ceiling), np.inf, ceiling)


@dataclass(frozen=True, kw_only=True)
class MinimumAdvertisedPrice(PriceRule):
    """The price must not be below the minimum advertised price that a supplier sets (MAP)."""

    kind = "map_price"
    example = "column: map_price"

    column: str = setting(
        "column with the MAP of each product; empty means none", read_text, default="map_price"
    )

    def limits(self, facts: ProductFacts) -> tuple[np.ndarray, np.ndarray]:
        """Return the MAP; none where the column is empty."""
        floor = facts.numbers(self.column, self.name)
        return np.nan_to_num(floor, nan=0.0), np.full(len(facts), np.inf)
