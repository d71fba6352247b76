"""The dynamic programme of a markdown: when to take which step down the price ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.linalg import toeplitz

from pricelm.core.errors import DataError, LimitError

_MOST_STEPS = 5e7
_BISECTIONS = 40


@dataclass(frozen=True, eq=False)
class MarkdownProduct:
    """A product that has to go.

    Parameters
    ----------
    prices : numpy.ndarray
        The ladder, from the price of today downwards, in currency, shape (n_prices,).
    units : numpy.ndarray
        Expected units by period and price, shape (n_periods, n_prices); customers come alone (Poisson).
    stock : int
        Units to sell.
    leftover_value : float, default 0
        What a unit left at the exit date is worth; negative where it costs to be rid of it.
    sell_through : float, default 0
        Expected share of the stock that has to be sold by the exit date.
    certain : bool, default False
        Take the expected units, rounded, as what will be asked for.

    Raises
    ------
    DataError
        If prices do not fall, shapes do not fit, or a number makes no sense.
    LimitError
        If the stock is so large that the programme takes too long: count in cartons.
    """

    prices: np.ndarray
    units: np.ndarray
    stock: int
    leftover_value: float = 0.0
    sell_through: float = 0.0
    certain: bool = False

    def __post_init__(self) -> None:
        prices, units = np.asarray(self.prices, np.float64), np.asarray(self.units, np.float64)
        if prices.ndim != 1 or not prices.size or not np.isfinite(prices).all() or prices.min() <= 0:
            raise DataError(f"no prices: expected a ladder of prices above 0, got {prices.tolist()}")
        if (np.diff(prices) >= 0).any():
            raise DataError(f"prices do not fall: expected a ladder downwards, got {prices.tolist()}")
        if units.ndim != 2 or units.shape[1] != prices.size or not units.shape[0]:
            raise DataError(
                f"no demand: expected units of shape (n_periods, {prices.size}), got {units.shape}"
            )
        if not np.isfinite(units).all() or units.min() < 0:
            raise DataError("negative demand: expected finite units of 0 or more")
        if self.stock < 0 or not np.isfinite(self.leftover_value) or not 0 <= self.sell_through <= 1:
            raise DataError(
                f"expected a stock of 0 or more and a sell-through from 0 to 1, got {self.stock} and "
                f"{self.sell_through:g}"
            )
        if self.leftover_value >= prices[-1]:
            raise DataError(
                f"leftovers above prices: they are worth {self.leftover_value:g}, the lowest price is "
                f"{prices[-1]:g}. Leave that step out"
            )
        if units.size * (self.stock + 1.0) ** 2 > _MOST_STEPS:
            raise LimitError(
                f"expected a smaller stock: {self.stock:,} units take too long. Count in cartons"
            )
        object.__setattr__(self, "prices", prices)
        object.__setattr__(self, "units", units)


@dataclass(frozen=True, eq=False)
class MarkdownPlan:
    """When to take which price.

    Parameters
    ----------
    steps : numpy.ndarray
        Best step of the ladder by period, step of the period before and stock left, of shape
        (n_periods, n_prices, stock + 1).
    prices : numpy.ndarray
        The ladder.
    stock : int
        Units to sell.
    revenue : float
        Expected revenue and worth of leftovers, in currency.
    sell_through : float
        Expected share sold by the exit date.
    usual_prices : list of float
        Prices by period when sales run as expected.
    stock_left : list of float
        Expected units left after each period.
    held_revenue : float
        The same as ``revenue`` when today's price stays until the end.
    sell_through_cost : float
        What the sell-through target costs, in currency; 0 where it does not bind.
    """

    steps: np.ndarray
    prices: np.ndarray
    stock: int
    revenue: float
    sell_through: float
    usual_prices: list[float]
    stock_left: list[float]
    held_revenue: float
    sell_through_cost: float = 0.0

    def price(self, period: int, stock: int, price: float) -> float:
        """Return the price of a period (from 0), given the stock left and the price of the period before.

        Raises
        ------
        DataError
            If the price is none of the ladder, or the period or stock is none of the plan.
        """
        step = np.flatnonzero(np.isclose(self.prices, price))
        if not step.size or not 0 <= period < len(self.steps) or not 0 <= stock <= self.stock:
            raise DataError(
                f"expected a price of {self.prices.tolist()}, a period below {len(self.steps)}, a stock up "
                f"to {self.stock}, got {price:g}, {period} and {stock}"
            )
        return float(self.prices[self.steps[period, step[0], stock]])


def plan_markdown(product: MarkdownProduct) -> MarkdownPlan:
    """Find the markdown of most expected revenue, by dynamic programming on stock and price.

    A sell-through target is met by a worth on every unit sold, just high enough; the worth is not part of the
    revenue.

    Parameters
    ----------
    product : MarkdownProduct
        Ladder, demand, stock and target.

    Returns
    -------
    MarkdownPlan
        A price for every period, stock and price before.

    Raises
    ------
    DataError
        If no policy reaches the target: ``sell-through out of reach``, with the most that can be reached.

    Examples
    --------
    >>> product = MarkdownProduct(np.array([10.0, 6.0]), np.array([[2.0, 4.0]] * 2), stock=6, certain=True)
    >>> plan = plan_markdown(product)
    >>> plan.revenue, plan.usual_prices
    (44.0, [10.0, 6.0])
    """
    demand = _moves(product)
    free = _solve(product, demand, 0.0)
    best = _walk(product, demand, free)
    if best.sell_through >= product.sell_through - 1e-12:
        return best
    low, high = 0.0, float(product.prices[0]) * (len(product.units) + 1.0) + abs(product.leftover_value)
    found = _walk(product, demand, _solve(product, demand, high * 1e3))
    if found.sell_through < product.sell_through - 1e-9:
        raise DataError(
            f"sell-through out of reach: expected a target of at most {found.sell_through:.3f}, which the "
            f"lowest price reaches, got {product.sell_through:g}. Add a lower price, or a later exit date"
        )
    high *= 1e3
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        tried = _walk(product, demand, _solve(product, demand, middle))
        if tried.sell_through >= product.sell_through - 1e-12:
            high, found = middle, tried
        else:
            low = middle
    return MarkdownPlan(**{**vars(found), "sell_through_cost": best.revenue - found.revenue})


@dataclass(frozen=True, eq=False)
class _Moves:
    """Probability of stock left by stock before, for every period and price; equal demand shares a matrix."""

    matrices: list[np.ndarray]
    which: np.ndarray

    def at(self, period: int, step: int) -> np.ndarray:
        """Return the matrix of a period and step, shape (stock + 1, stock + 1)."""
        return self.matrices[self.which[period, step]]


def _moves(product: MarkdownProduct) -> _Moves:
    rates, which = np.unique(product.units, return_inverse=True)
    return _Moves([_matrix(rate, product) for rate in rates], which.reshape(product.units.shape))


def _matrix(rate: float, product: MarkdownProduct) -> np.ndarray:
    counts = np.arange(product.stock + 1)
    if product.certain:
        chance = (counts == min(np.rint(rate), product.stock)).astype(np.float64)
    else:
        chance = stats.poisson.pmf(counts, rate)
        chance[-1] = stats.poisson.sf(product.stock - 1, rate)
    moves = np.asarray(toeplitz(chance, np.zeros(len(counts))))
    # whatever is asked for beyond the stock leaves none
    moves[:, 0] = chance[::-1].cumsum()[::-1]
    return moves


def _solve(product: MarkdownProduct, demand: _Moves, worth: float) -> np.ndarray:
    """Best steps when every unit sold is worth so much more than its price."""
    n_periods, n_prices = product.units.shape
    left = np.arange(product.stock + 1)
    after = np.tile(product.leftover_value * left, (n_prices, 1)).astype(np.float64)
    steps = np.zeros((n_periods, n_prices, product.stock + 1), dtype=np.int64)
    for period in range(n_periods - 1, -1, -1):
        value = np.empty_like(after)
        for step, price in enumerate(product.prices):
            moves = demand.at(period, step)
            value[step] = (price + worth) * (left - moves @ left) + moves @ after[step]
        for before in range(n_prices):
            # of equal prices the higher one: a markdown cannot be taken back
            steps[period, before] = before + np.argmax(
                value[before:] > value[before:].max(axis=0) - 1e-9, axis=0
            )
            after[before] = value[before:].max(axis=0)
    return steps


def _walk(product: MarkdownProduct, demand: _Moves, steps: np.ndarray) -> MarkdownPlan:
    """Follow a policy: exact expectations over all ways that sales may run."""
    revenue, left_over = map(float, _expectations(product, demand, steps))
    held, _ = _expectations(product, demand, np.zeros_like(steps))
    step, stock, prices, lefts = 0, float(product.stock), [], []
    for period, units in enumerate(product.units):
        step = int(steps[period, step, round(stock)])
        prices.append(float(product.prices[step]))
        stock = max(stock - float(units[step]), 0.0)
        lefts.append(stock)
    share = 1.0 if product.stock == 0 else 1 - left_over / product.stock
    return MarkdownPlan(steps, product.prices, product.stock, revenue, share, prices, lefts, held)


def _expectations(product: MarkdownProduct, demand: _Moves, steps: np.ndarray) -> tuple[float, float]:
    n_periods, n_prices = product.units.shape
    left = np.arange(product.stock + 1)
    now = np.zeros((n_prices, product.stock + 1))
    now[0, -1] = 1.0
    revenue = 0.0
    for period in range(n_periods):
        later = np.zeros_like(now)
        for step, price in enumerate(product.prices):
            here = np.where(steps[period] == step, now, 0.0).sum(axis=0)
            if here.any():
                moves = demand.at(period, step)
                revenue += price * float(here @ (left - moves @ left))
                later[step] = here @ moves
        now = later
    left_over = float(now.sum(axis=0) @ left)
    return revenue + product.leftover_value * left_over, left_over


def ladder(today: float, steps: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5)) -> np.ndarray:
    """Return today's price and shares off it, downwards.

    Examples
    --------
    >>> ladder(10.0, [0.2, 0.5]).tolist()
    [10.0, 8.0, 5.0]
    """
    return np.round(today * (1 - np.array([0.0, *sorted(steps)])), 2)
