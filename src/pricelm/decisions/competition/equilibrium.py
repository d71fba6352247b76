"""Best responses and equilibria of prices under logit demand, to machine precision.

A seller's best margin is the same for all of its products, and has a closed form with Lambert's W given the
prices of the others. At a Bertrand equilibrium nobody has a better price; with logit demand there is exactly
one, and it is found by a search over one number, the sum of everybody's odds (Nocke and Schutz, 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import lambertw

from pricelm.core.errors import DataError
from pricelm.decisions.competition.logit import LogitMarket

_LARGEST_EXPONENT = 600.0
_TOLERANCE = 1e-14


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """Prices that answer each other.

    Parameters
    ----------
    prices, shares : numpy.ndarray
        Shape (n,).
    profits : dict of str to float
        Of each seller, per customer of the market.
    """

    prices: np.ndarray
    shares: np.ndarray
    profits: dict[str, float]


def best_response(market: LogitMarket, prices: np.ndarray, seller: str) -> np.ndarray:
    """Return the prices of all when one seller does its best and the others hold theirs.

    Parameters
    ----------
    market : LogitMarket
        The market.
    prices : numpy.ndarray
        Present prices, shape (n,).
    seller : str
        Who moves.

    Returns
    -------
    numpy.ndarray
        Prices, shape (n,): ``1/a + W(X/e/Y)/a`` above cost for the seller's products, where a is the price
        sensitivity, X the sum of their odds at cost and Y that of the others, buying nothing included.

    Raises
    ------
    DataError
        If the seller has no product in the market.

    Examples
    --------
    >>> market = LogitMarket(np.array([2.0, 2.0]), np.ones(2), np.array(["a", "b"]), 1.0)
    >>> best_response(market, np.array([2.0, 2.0]), "a").round(4).tolist()
    [2.3517, 2.0]
    """
    mine = _products_of(market, seller)
    margin = _best_margin(market, prices, mine)
    return np.where(mine, market.cost + margin, prices)


def bertrand(
    market: LogitMarket, held: np.ndarray | None = None, prices: np.ndarray | None = None
) -> Equilibrium:
    """Return the one equilibrium in which every seller sets its best prices given those of the others.

    Parameters
    ----------
    market : LogitMarket
        The market.
    held : numpy.ndarray of bool, optional
        Products of sellers that do not move, shape (n,); a seller moves with all of its products or none.
    prices : numpy.ndarray, optional
        Prices of the held products, shape (n,); needed with ``held``.

    Returns
    -------
    Equilibrium
        Prices, shares, profits.

    References
    ----------
    Nocke, V., Schutz, N. (2018). Multiproduct-firm oligopoly: an aggregative games approach.

    Examples
    --------
    >>> market = LogitMarket(np.array([2.0, 2.0]), np.ones(2), np.array(["a", "b"]), 4.0)
    >>> bertrand(market).prices.round(4).tolist()
    [1.2614, 1.2614]
    """
    fixed = np.zeros(len(market.cost), dtype=bool) if held is None else held
    if fixed.any() and prices is None:
        raise DataError("expected the prices of the products that are held")
    start = np.zeros(len(market.cost)) if prices is None else prices
    sensitivity = market.price_sensitivity
    at_cost = market.quality - sensitivity * market.cost
    names = [str(name) for name in np.unique(market.seller[~fixed])]
    groups = [market.seller == name for name in names]
    log_odds = np.array([_log_sum(at_cost[group]) for group in groups])
    others = np.append(market.quality[fixed] - sensitivity * start[fixed], 0.0)
    passive = _log_sum(others)

    def excess(log_total: float) -> float:
        shares = [_share_given(odds - log_total) for odds in log_odds]
        return float(np.sum(shares) + np.exp(passive - log_total) - 1)

    found = np.array(start, dtype=np.float64)
    if names:
        high = float(np.logaddexp(passive, _log_sum(log_odds))) + 1e-9
        total = (
            passive if excess(passive) <= 0 else brentq(excess, passive, high, xtol=_TOLERANCE, rtol=1e-15)
        )
        for group, odds in zip(groups, log_odds, strict=True):
            margin = 1 / (sensitivity * (1 - _share_given(odds - total)))
            found[group] = market.cost[group] + margin
    return Equilibrium(found, market.shares(found), market.profits(found))


def stackelberg(market: LogitMarket, leader: str) -> Equilibrium:
    """Return the prices when one seller commits first and the others answer with their equilibrium.

    Parameters
    ----------
    market : LogitMarket
        The market.
    leader : str
        Who commits.

    Returns
    -------
    Equilibrium
        The leader never earns less than at :func:`bertrand`.

    Examples
    --------
    >>> market = LogitMarket(np.array([2.0, 2.0]), np.ones(2), np.array(["a", "b"]), 1.0)
    >>> led, level = stackelberg(market, "a"), bertrand(market)
    >>> led.profits["a"] > level.profits["a"], bool(led.prices[0] > level.prices[0])
    (True, True)
    """
    mine = _products_of(market, leader)

    def answered(margin: float) -> Equilibrium:
        return bertrand(market, mine, np.where(mine, market.cost + margin, 0.0))

    level = bertrand(market)
    usual = float((level.prices - market.cost)[mine][0])
    alone = _best_margin(market, np.full(len(market.cost), np.inf), mine)
    best = minimize_scalar(
        lambda margin: -answered(margin).profits[leader],
        bounds=(0.5 * usual, max(alone, usual) * 1.001),
        method="bounded",
        options={"xatol": 1e-10 * usual},
    )
    led = answered(float(best.x))
    return led if led.profits[leader] >= level.profits[leader] else level


def _products_of(market: LogitMarket, seller: str) -> np.ndarray:
    mine = np.asarray(market.seller == seller)
    if not mine.any():
        known = ", ".join(map(str, np.unique(market.seller)[:10]))
        raise DataError(f"expected a seller of the market ({known}), got {seller!r}")
    return mine


def _best_margin(market: LogitMarket, prices: np.ndarray, mine: np.ndarray) -> float:
    sensitivity = market.price_sensitivity
    own = _log_sum((market.quality - sensitivity * market.cost)[mine])
    with np.errstate(invalid="ignore"):
        others = (market.quality - sensitivity * prices)[~mine]
    rest = _log_sum(np.append(others[np.isfinite(others)], 0.0))
    return (1 + _w_of_exp(own - 1 - rest)) / sensitivity


def _w_of_exp(exponent: float) -> float:
    """Return Lambert's W of ``exp(exponent)`` without overflow."""
    if exponent < _LARGEST_EXPONENT:
        return float(lambertw(np.exp(exponent)).real)
    value = exponent - np.log(exponent)
    for _ in range(20):
        value -= (value + np.log(value) - exponent) / (1 + 1 / value)
    return float(value)


def _share_given(log_ratio: float) -> float:
    """Return s with ``s = exp(log_ratio - 1 / (1 - s))``: a seller's share when all odds are known."""

    def gap(share: float) -> float:
        return float(np.log(share) + 1 / (1 - share) - log_ratio)

    low, high = np.exp(min(log_ratio - 1, 0.0) - 5), 1 - 1e-12
    if low < 1e-280:
        return 0.0
    return float(brentq(gap, low, high, xtol=1e-16, rtol=1e-15))


def _log_sum(values: np.ndarray) -> float:
    return float(np.logaddexp.reduce(values))
