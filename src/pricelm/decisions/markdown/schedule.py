"""Schedules: the price of each week until the exit date, for one product with known demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import ceil
from typing import Any

import numpy as np

from pricelm.core.errors import DataError
from pricelm.decisions.markdown.programme import MarkdownPlan, MarkdownProduct, ladder, plan_markdown

_DAYS_A_WEEK = 7
_MOST_WEEKS = 104
_EDGE = 1e-9


@dataclass(frozen=True)
class ExitProduct:
    """A product that has to be gone by a day.

    Parameters
    ----------
    sku : str
        The product.
    price : float
        Price of today, in currency.
    stock : int
        Units to sell.
    exit_date : datetime.date
        First day on which none is sold any more.
    demand_price, units, elasticity : float
        Units expected a week at a price, and percent of units a percent of price.
    price_low, price_high : float
        The prices that demand is known for.
    leftover_value : float, default 0
        What a unit left at the end is worth; negative where it costs to be rid of it.
    """

    sku: str
    price: float
    stock: int
    exit_date: date
    demand_price: float
    units: float
    elasticity: float
    price_low: float
    price_high: float
    leftover_value: float = 0.0

    def units_at(self, prices: np.ndarray) -> np.ndarray:
        """Return expected units a week at some prices."""
        return np.asarray(self.units * (prices / self.demand_price) ** self.elasticity)


@dataclass(frozen=True)
class ScheduleConfig:
    """How markdowns are planned.

    Parameters
    ----------
    today : datetime.date
        First day of the first week.
    sell_through : float, default 0
        Expected share of the stock that has to be sold by the exit date.
    steps : tuple of float, default (0.1, 0.2, 0.3, 0.4, 0.5)
        Shares off today's price that may be taken.
    explore : float, default 0
        How far below the prices that demand is known for, as a share; such weeks are marked "test first".
    """

    today: date
    sell_through: float = 0.0
    steps: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5)
    explore: float = 0.0

    def __post_init__(self) -> None:
        shares = np.array([*self.steps], dtype=np.float64)
        if not len(shares) or not ((shares > 0) & (shares < 1)).all():
            raise DataError(f"expected shares off the price between 0 and 1, got {list(self.steps)}")
        if not (0 <= self.sell_through <= 1 and 0 <= self.explore <= 1):
            raise DataError(
                f"expected a sell-through and an explore from 0 to 1, got {self.sell_through:g} and "
                f"{self.explore:g}"
            )


@dataclass(frozen=True, eq=False)
class Schedule:
    """The markdown of one product, or why there is none.

    Parameters
    ----------
    sku : str
        The product.
    plan : MarkdownPlan or None
        None where it is refused.
    weeks : list of dict
        week (its first day), price, units, stock_left and action ("hold", "lower" or "test first"), when
        sales run as expected.
    left_out : int
        Steps down that are not looked at because demand is not known there.
    refusal : str
        Name and detail of what is wrong; empty otherwise.
    """

    sku: str
    plan: MarkdownPlan | None = None
    weeks: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0
    refusal: str = ""

    @property
    def expected_left(self) -> float | None:
        """Units expected to be left at the exit date, over all ways that sales may run."""
        return None if self.plan is None else self.plan.stock * (1 - self.plan.sell_through)

    @property
    def price_path(self) -> str:
        """The prices in words: ``"9.00 x2 8.00"`` are two weeks at 9 and one at 8."""
        prices = [f"{week['price']:,.2f}" for week in self.weeks]
        runs = [(price, prices.count(price)) for price in dict.fromkeys(prices)]
        return " ".join(f"{price} x{count}" if count > 1 else price for price, count in runs)

    def to_dict(self) -> dict[str, Any]:
        """Return the schedule as JSON-ready values."""
        names = ("stock", "revenue", "held_revenue", "sell_through", "sell_through_cost")
        known = {name: getattr(self.plan, name) if self.plan else None for name in names}
        return {
            "sku": self.sku,
            **known,
            "expected_left": self.expected_left,
            "steps_left_out": self.left_out,
            "weeks": self.weeks,
            "refusal": self.refusal,
        }


def markdown_schedule(product: ExitProduct, config: ScheduleConfig) -> Schedule:
    """Plan the markdown of one product; what makes it impossible becomes its refusal.

    Parameters
    ----------
    product : ExitProduct
        Stock, demand and exit date.
    config : ScheduleConfig
        Steps, target and today.

    Returns
    -------
    Schedule
        A price for each week.

    Examples
    --------
    >>> hat = ExitProduct("hat", 10.0, 60, date(2026, 1, 29), 10.0, 9.0, -2.5, 6.0, 11.0)
    >>> made = markdown_schedule(hat, ScheduleConfig(date(2026, 1, 1)))
    >>> [week["price"] for week in made.weeks], round(made.plan.sell_through, 2)
    ([9.0, 8.0, 8.0, 8.0], 0.98)
    """
    try:
        return _planned(product, config)
    except DataError as error:
        return Schedule(product.sku, refusal=str(error))


def _planned(product: ExitProduct, config: ScheduleConfig) -> Schedule:
    days = (product.exit_date - config.today).days
    if not 0 < days <= _MOST_WEEKS * _DAYS_A_WEEK:
        raise DataError(
            f"exit date: expected a day within {_MOST_WEEKS} weeks after {config.today}, got "
            f"{product.exit_date}. Give another one"
        )
    floor = product.price_low * (1 - config.explore)
    steps = ladder(product.price, config.steps)
    steps = steps[np.r_[True, np.diff(steps) < -_EDGE]]
    prices = steps[(steps >= floor - _EDGE) | (steps == steps[0])]
    left_out = len(steps) - len(prices)
    if len(prices) == 1:
        raise DataError(
            f"no lower price known: demand is known from {product.price_low:,.2f} on, and the first "
            f"step down from "
            f"{product.price:,.2f} is {steps[min(1, len(steps) - 1)]:,.2f}. Test first, or take smaller steps"
        )
    if product.leftover_value >= prices[-1]:
        prices = prices[prices > product.leftover_value]
    n_weeks = ceil(days / _DAYS_A_WEEK)
    units = np.tile(product.units_at(prices), (n_weeks, 1))
    units[-1] *= days / _DAYS_A_WEEK - (n_weeks - 1)
    plan = plan_markdown(
        MarkdownProduct(prices, units, product.stock, product.leftover_value, config.sell_through)
    )
    return Schedule(product.sku, plan, _weeks(product, plan, config.today), left_out)


def _weeks(product: ExitProduct, plan: MarkdownPlan, today: date) -> list[dict[str, Any]]:
    rows = []
    before, stock = product.price, float(plan.stock)
    for number, (price, left) in enumerate(zip(plan.usual_prices, plan.stock_left, strict=True)):
        action = "hold" if price >= before - _EDGE else "lower"
        if price < product.price_low - _EDGE:
            action = "test first"
        week = str(today + timedelta(days=_DAYS_A_WEEK * number))
        rows.append(
            {"week": week, "price": price, "units": stock - left, "stock_left": left, "action": action}
        )
        before, stock = price, left
    return rows
