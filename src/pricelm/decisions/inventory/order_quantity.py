"""How much to order at a time when demand is steady: the economic order quantity."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, sqrt

from pricelm.core.errors import DataError
from pricelm.decisions.inventory.newsvendor import check_costs


@dataclass(frozen=True)
class OrderQuantity:
    """How much to order at a time.

    Parameters
    ----------
    quantity : float
        Units an order.
    cost : float
        Cost of ordering and holding a period, in currency.
    """

    quantity: float
    cost: float


def economic_order_quantity(
    rate: float, fixed: float, holding: float, shortage: float = inf
) -> OrderQuantity:
    """Return the order quantity that balances the cost of ordering with that of holding.

    Parameters
    ----------
    rate : float
        Units a period.
    fixed : float
        Cost of an order whatever its size, in currency.
    holding : float
        Cost of holding a unit for a period, in currency.
    shortage : float, default infinite
        Cost of a unit that a customer waits for, a period; infinite allows no waiting.

    Returns
    -------
    OrderQuantity
        The best quantity and its cost.

    Raises
    ------
    DataError
        If a number is not above zero.

    Examples
    --------
    >>> best = economic_order_quantity(1300, fixed=8, holding=0.225)
    >>> round(best.quantity, 3), round(best.cost, 3)
    (304.047, 68.411)
    """
    check_costs(fixed=fixed, holding=holding)
    if not (isfinite(rate) and rate > 0 and shortage > 0):
        raise DataError(f"no demand: expected a rate and a shortage cost above 0, got {rate:g}, {shortage:g}")
    waiting = 1.0 if shortage == inf else shortage / (holding + shortage)
    quantity = sqrt(2 * fixed * rate / (holding * waiting))
    return OrderQuantity(quantity, sqrt(2 * fixed * rate * holding * waiting))
