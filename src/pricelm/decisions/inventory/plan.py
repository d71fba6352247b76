"""What to order for each product of a shop, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import ceil, sqrt
from typing import Any

from scipy import stats

from pricelm.core.errors import DataError
from pricelm.decisions.inventory.distributions import DiscreteUnits, NormalUnits
from pricelm.decisions.inventory.lead_time import LeadTime, protected_units
from pricelm.decisions.inventory.newsvendor import check_costs, newsvendor
from pricelm.decisions.inventory.reorder import ReorderCosts, reorder_policy
from pricelm.decisions.inventory.reorder_levels import reorder_levels

_FEW_UNITS = 30.0
_ERRATIC = 1.0


@dataclass(frozen=True)
class StockProduct:
    """One product of a table of stock.

    Parameters
    ----------
    sku : str
        The product.
    units, deviation : float
        Units expected a period at the chosen price, and their standard deviation.
    holding : float
        Cost of holding a unit for a period, in currency.
    shortage : float
        Cost of a unit missing, in currency: at least its lost margin.
    lead_time, lead_time_deviation : float
        Periods that a delivery takes, and their standard deviation.
    on_hand, on_order : float
        Units in stock, and under way; customers who wait count as a negative stock.
    order_cost : float, default 0
        Cost of an order whatever its size.
    """

    sku: str
    units: float
    deviation: float
    holding: float
    shortage: float
    lead_time: float
    lead_time_deviation: float = 0.0
    on_hand: float = 0.0
    on_order: float = 0.0
    order_cost: float = 0.0


@dataclass(frozen=True)
class StockPlan:
    """What to order.

    Parameters
    ----------
    sku : str
        The product.
    policy : str
        ``(r, Q)``, ``(s, S)``, ``base stock``, or ``none`` where it is refused.
    reorder_point, order_up_to : float or None
        Order when stock and orders under way are at or below the first; the second is where that leads.
    order_quantity : float or None
        Usual size of an order, in units.
    safety_stock : float or None
        Part of the reorder point that is not expected to be asked for.
    cover_days : float or None
        Days until the stock on hand is sold at the expected rate; None where nothing is expected to sell.
    shortage_risk : float or None
        Probability that stock and orders under way do not last until an order of today arrives.
    order_now : bool
        Whether to order.
    order_units : float
        How much to order now, in whole units.
    why : str
        What led to it.
    refusal : str
        Name and detail of what is wrong with the product's row; empty otherwise.
    """

    sku: str
    policy: str
    reorder_point: float | None = None
    order_up_to: float | None = None
    order_quantity: float | None = None
    safety_stock: float | None = None
    cover_days: float | None = None
    shortage_risk: float | None = None
    order_now: bool = False
    order_units: float = 0.0
    why: str = ""
    refusal: str = ""

    def row(self) -> dict[str, Any]:
        """Return the line of the table."""
        return asdict(self)


def plan_stock(
    products: Sequence[StockProduct], period_days: float = 7.0, review_periods: float = 1.0
) -> Iterator[StockPlan]:
    """Yield what to order for every product, one plan a product, refused ones included.

    Products without an order cost get a base stock; with one, products of which fewer than 30
    units are expected until the next delivery get (s, S) on whole units, and the others (r, Q).

    Parameters
    ----------
    products : sequence of StockProduct
        The products.
    period_days : float, default 7
        Length of the period that units, holding cost and lead time speak of.
    review_periods : float, default 1
        Periods between two looks at the stock.

    Yields
    ------
    StockPlan
        In the order of the products.

    Raises
    ------
    DataError
        If a period is not longer than 0.

    Examples
    --------
    >>> tea = StockProduct("tea", 50, 8, holding=0.1, shortage=2.0, lead_time=2, on_hand=120)
    >>> plan = next(plan_stock([tea]))
    >>> plan.policy, plan.order_now, plan.order_units, plan.cover_days
    ('base stock', True, 54.0, 16.8)
    """
    if not (period_days > 0 and review_periods > 0):
        raise DataError(
            f"expected periods longer than 0 days, got {period_days:g} days and looks {review_periods:g} "
            "periods apart"
        )
    for product in products:
        try:
            yield _plan(product, period_days, review_periods)
        except DataError as error:
            yield StockPlan(product.sku, "none", refusal=str(error))


def _plan(product: StockProduct, period_days: float, review: float) -> StockPlan:
    check_costs(holding=product.holding, shortage=product.shortage)
    period = NormalUnits(product.units, product.deviation)
    if product.units == 0:
        raise DataError("no demand: nothing is expected to sell, so nothing is to be ordered")
    if product.order_cost < 0:
        raise DataError(f"no order cost: expected 0 or more, got {product.order_cost:g}")
    lead_time = LeadTime(product.lead_time, product.lead_time_deviation)
    units = protected_units(period, lead_time, review)
    policy, point, up_to = _policy(product, units, review)
    position = product.on_hand + product.on_order
    order_now = position <= point if policy != "base stock" else position < up_to
    order = float(ceil(up_to - position - 1e-9)) if order_now else 0.0
    if policy == "(r, Q)" and order_now:
        # several usual orders at once where one does not lift the stock above the reorder point
        batch = up_to - point
        order = float(ceil(batch * (1 + max(0.0, (point - position) // batch)) - 1e-9))
    arriving = protected_units(period, lead_time)
    return StockPlan(
        product.sku,
        policy,
        point,
        up_to,
        product.units * review if policy == "base stock" else up_to - point,
        point - units.mean,
        max(product.on_hand, 0.0) / product.units * period_days,
        _risk(arriving, position),
        order_now,
        order,
        _why(policy, units, position, point, order_now),
    )


def _policy(product: StockProduct, units: NormalUnits, review: float) -> tuple[str, float, float]:
    if product.order_cost == 0:
        level = newsvendor(units, product.holding * review, product.shortage).level
        return "base stock", level, level
    costs = ReorderCosts(product.order_cost, product.holding * review, product.shortage)
    if units.mean < _FEW_UNITS:
        one = NormalUnits(product.units * review, product.deviation * sqrt(review))
        found = reorder_levels(_counts(one), costs, _counts(units))
        return "(s, S)", float(found.reorder_point), float(found.order_up_to)
    steady = reorder_policy(product.units * review, units, costs, "expected inventory")
    point = max(steady.reorder_point, 0.0)
    return "(r, Q)", point, point + steady.order_quantity


def _counts(units: NormalUnits) -> DiscreteUnits:
    """Whole units of this mean and deviation; customers who come alone are the least that can vary."""
    variance = units.deviation**2
    if variance <= units.mean * (1 + 1e-9):
        return DiscreteUnits.of(stats.poisson(units.mean))
    share = units.mean / variance
    return DiscreteUnits.of(stats.nbinom(units.mean * share / (1 - share), share))


def _risk(units: NormalUnits, position: float) -> float:
    if units.deviation == 0:
        return float(units.mean > position)
    return float(stats.norm.sf(position, units.mean, units.deviation))


def _why(policy: str, units: NormalUnits, position: float, point: float, order_now: bool) -> str:
    asked = f"{units.mean:,.0f} units are expected until an order of the next look arrives, give or take"
    state = "at or below" if order_now else "above"
    erratic = "; demand is erratic, watch it" if units.deviation > _ERRATIC * units.mean else ""
    return (
        f"{asked} {units.deviation:,.0f}; {position:,.0f} in stock and under way are {state} the "
        f"{'base stock' if policy == 'base stock' else 'reorder point'} of {point:,.0f}{erratic}"
    )
