"""One product of a plan: what each price would earn and how sure that is, and what happened so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.core.nouns import Verdict
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule import TOLERANCE
from pricelm.knowledge.rule_files import RuleBook
from pricelm.knowledge.verdicts import judge_prices
from pricelm.services.approving import ApprovalRecord
from pricelm.services.planning import PlanInputs, demand_of
from pricelm.services.rule_limits import limit_of
from pricelm.services.worklist import WorkLists
from pricelm.storage.batches import approvals_of
from pricelm.storage.market import SeenPrice, market_prices, sales_history
from pricelm.storage.prices import price_changes_of

_POINTS = 61
_SPAN = 0.3
_DRAWS = 200
_BAND = (0.05, 0.95)
_MOST_WEEKS = 104


@dataclass(frozen=True)
class PricePoint:
    """What a price would earn a period, with a 90 % interval of the profit, and what rules say."""

    price: float
    units: float
    revenue: float
    profit: float
    profit_low: float
    profit_high: float
    gain: float
    verdicts: tuple[Verdict, ...]

    @property
    def allowed(self) -> bool:
        """Whether every hard rule on single prices is kept."""
        return all(verdict.satisfied for verdict in self.verdicts)


@dataclass(frozen=True)
class PriceEvent:
    """A price that went out: when, from what to what, and whether it was taken back since."""

    at: datetime | None
    kind: str
    old_price: float
    new_price: float
    state: str
    undone: bool


@dataclass(frozen=True)
class ProductHistory:
    """What happened to a product: prices sent out, decisions, sales by week, prices of others."""

    prices: list[PriceEvent]
    decisions: list[ApprovalRecord]
    sales: list[tuple[str, float, float]]
    market: list[SeenPrice]


class ProductView:
    """What the prices of one product would earn.

    Parameters
    ----------
    inputs : PlanInputs
        What the plan was made from.
    sku : str
        The product.

    Raises
    ------
    ConfigError
        If the plan has no such product.
    """

    def __init__(self, inputs: PlanInputs, sku: str) -> None:
        row = inputs.facts.positions.get(sku)
        if row is None:
            raise ConfigError(f"expected a product of the plan, got {sku[:80]!r}")
        self.sku = sku
        self.currency = inputs.facts.currency
        self._facts = inputs.facts.take(np.array([row]))
        frame = self._facts.frame
        self._demand = demand_of(self._facts)
        cost = frame["unit_cost"].iloc[0] if "unit_cost" in frame.columns else np.nan
        self.unit_cost = None if cost is None or not np.isfinite(float(cost)) else float(cost)
        self.current_price = float(self._facts.price[0])
        self.elasticity = float(self._demand.elasticity[0])
        now = self._demand.units(np.array([[self.current_price]]))[0, 0]
        self._judged = ProductFacts(frame.assign(units=now), self._facts.today, self._facts.currency)
        book = inputs.book.in_currency(self.currency)
        self._book = RuleBook(tuple(book.price_rules), book.currency)
        self.limits = {rule.id: limit_of(rule, self._judged) for rule in self._book.price_rules}
        self._normal = np.random.default_rng(0).standard_normal(_DRAWS)

    @property
    def competitor_price(self) -> float | None:
        """The price of others that the plan was made with, where it had one."""
        if "competitor_price" not in self._facts.frame.columns:
            return None
        price = float(self._facts.numbers("competitor_price", "the product")[0])
        return price if np.isfinite(price) else None

    @property
    def support(self) -> tuple[float, float]:
        """Lowest and highest price that demand is known for; NaN where that is not said."""
        return float(self._demand.price_low[0]), float(self._demand.price_high[0])

    def span(self, *others: float) -> tuple[float, float]:
        """Return the prices worth showing: those that demand is known for, and the named ones."""
        known = [one for one in self.support if np.isfinite(one)]
        around = [self.current_price * (1 - _SPAN), self.current_price * (1 + _SPAN)]
        shown = [*(known or around), self.current_price, *others]
        return min(shown) * 0.98, max(shown) * 1.02

    def at(self, price: float) -> PricePoint:
        """Return what a price would earn; a fraction of a millisecond, for a slider to follow.

        Raises
        ------
        ConfigError
            If the price is not above zero.
        """
        if not (np.isfinite(price) and price > 0):
            raise ConfigError(f"expected a price above 0, got {price}")
        prices = np.array([[price, self.current_price]])
        units = self._demand.units(prices)[0]
        cost = self.unit_cost or 0.0
        profit = (prices[0] - cost) * units
        relative = np.log(price / self._demand.reference_price[0])
        drawn = self.elasticity + self._demand.elasticity_error[0] * self._normal
        spread = (price - cost) * self._demand.reference_units[0] * np.exp(drawn * relative)
        low, high = np.quantile(spread, _BAND)
        verdicts = judge_prices(self._book, self._judged, np.array([price]), units[:1])[0]
        return PricePoint(
            price,
            float(units[0]),
            float(price * units[0]),
            float(profit[0]),
            float(low),
            float(high),
            float(profit[0] - profit[1]),
            tuple(verdicts),
        )

    def curve(self, *others: float) -> list[PricePoint]:
        """Return what prices over the whole span would earn, ascending; the named ones are among them."""
        low, high = self.span(*others)
        prices = np.unique(np.concatenate([np.linspace(low, high, _POINTS), [self.current_price, *others]]))
        return [self.at(float(price)) for price in prices]

    def allowed_ranges(self, curve: list[PricePoint]) -> list[tuple[float, float]]:
        """Return the stretches of a curve that hard rules allow, whatever they say about endings."""
        # endings leave single prices of a whole stretch; where the price ends is not what is drawn
        hard = {rule.id for rule in self._book.price_rules if rule.hard and rule.kind != "price_ending"}
        ranges: list[tuple[float, float]] = []
        start: float | None = None
        last = 0.0
        for point in curve:
            kept = all(v.satisfied or v.rule_id not in hard or v.slack >= -TOLERANCE for v in point.verdicts)
            if kept and start is None:
                start = point.price
            if not kept and start is not None:
                ranges.append((start, last))
                start = None
            last = point.price
        return ranges if start is None else [*ranges, (start, last)]

    def steps(self, price: float) -> list[tuple[str, float]]:
        """Return how profit comes from the present one to that of a price; the middle two add up exactly.

        What each unit still sold earns more, then what units that are won or lost earn at the old price.
        """
        now, then = self.at(self.current_price), self.at(price)
        cost = self.unit_cost or 0.0
        by_price = (price - self.current_price) * then.units
        by_units = (self.current_price - cost) * (then.units - now.units)
        return [("now", now.profit), ("price", by_price), ("units", by_units), ("then", then.profit)]


def product_history(lists: WorkLists, sku: str, recommendation: int) -> ProductHistory:
    """Return what happened to a product.

    Parameters
    ----------
    lists : WorkLists
        Of the store.
    sku : str
        The product.
    recommendation : int
        Whose decisions are wanted.
    """
    with lists.store.reading() as session:
        changes = price_changes_of(session, sku)
        decided = approvals_of(session, recommendation)
        sales = sales_history(session, sku, date.min)
        return ProductHistory(
            [
                PriceEvent(
                    one.delivered,
                    one.kind,
                    float(one.old_price),
                    float(one.new_price),
                    one.state,
                    one.undone_by is not None,
                )
                for one in changes
            ],
            [ApprovalRecord(one.at, one.actor, one.decision, one.price, one.reason) for one in decided],
            _by_week([(one.day, float(one.price), one.units) for one in sales]),
            market_prices(session, [sku]),
        )


def _by_week(sales: list[tuple[Any, float, float]]) -> list[tuple[str, float, float]]:
    """Return (Monday, mean price paid, units) a week, oldest first."""
    weeks: dict[str, list[float]] = {}
    for day, price, units in sales:
        sums = weeks.setdefault((day - timedelta(days=day.weekday())).isoformat(), [0.0, 0.0])
        sums[0] += price * units
        sums[1] += units
    found = [(week, value / units if units else 0.0, units) for week, (value, units) in weeks.items()]
    return found[-_MOST_WEEKS:]
