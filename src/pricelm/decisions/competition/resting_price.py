"""Where the prices of sellers of one product come to rest, and what the way there costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import DataError
from pricelm.decisions.competition.equilibrium import bertrand, best_response
from pricelm.decisions.competition.logit import LogitMarket

OUTSIDE_SHARE = 0.5
_HORIZON_DAYS = 90


@dataclass(frozen=True)
class RestingPrice:
    """The level at which undercutting stops to pay.

    Parameters
    ----------
    own : float
        The own price there, in currency.
    rivals : tuple of float
        The rivals' prices there.
    best_now : float
        The own price that earns most while the rivals hold theirs.
    joint : float
        The own price if all were one seller: what prices far above ``own`` tend to.
    settled, fought : float
        Own profit over 90 days, per customer a day: at rest from today; and if all go on undercutting at the
        observed speed until unit cost.
    """

    own: float
    rivals: tuple[float, ...]
    best_now: float
    joint: float
    settled: float
    fought: float

    def advice(self, price: float, at_war: bool) -> str:
        """Say what to do at an own price of ``price``.

        Examples
        --------
        >>> rest = RestingPrice(8.0, (8.0,), 8.1, 11.0, 90.0, 40.0)
        >>> rest.advice(9.0, at_war=True)
        'go to 8.00 at once and hold: below that an undercut costs more than it brings'
        >>> rest.advice(7.0, at_war=True)
        'return to 8.00: no answer of the rivals makes a lower price the better one'
        """
        if price < self.own * 0.995:
            return f"return to {self.own:,.2f}: no answer of the rivals makes a lower price the better one"
        if not at_war:
            return "hold"
        return f"go to {self.own:,.2f} at once and hold: below that an undercut costs more than it brings"


def resting_market(
    prices: np.ndarray, unit_cost: float, elasticity: float, outside_share: float = OUTSIDE_SHARE
) -> LogitMarket:
    """Return the market of the sellers of one product; the first is the own shop.

    Parameters
    ----------
    prices : numpy.ndarray
        Usual prices of the sellers, before any war, shape (n,); at them all sell the same.
    unit_cost : float
        Own unit cost; that of the rivals is taken to be the same.
    elasticity : float
        Own price elasticity at the usual price, below 0.
    outside_share : float, default 0.5
        Share of the customers who buy from none of them.

    Raises
    ------
    DataError
        If there is one seller only, or a number is out of range.
    """
    if len(prices) < 2:
        raise DataError("one seller only: expected the prices of at least one rival")
    if not (elasticity < 0 and 0 < outside_share < 1 and unit_cost >= 0 and (prices > 0).all()):
        raise DataError(
            f"expected prices above 0, an elasticity below 0, a cost of 0 or more and an outside share "
            f"between 0 and 1, got {prices.min():g}, {elasticity:g}, {unit_cost:g} and {outside_share:g}"
        )
    share = np.full(len(prices), (1 - outside_share) / len(prices))
    sensitivity = -elasticity / (prices[0] * (1 - share[0]))
    sellers = np.array([f"seller {number}" for number in range(len(prices))])
    return LogitMarket.seen(prices, share, sellers, sensitivity, np.full(len(prices), unit_cost))


def resting_price(market: LogitMarket, present: np.ndarray, fall_a_day: float = 0.0) -> RestingPrice:
    """Return where the sellers of a product come to rest.

    Parameters
    ----------
    market : LogitMarket
        From :func:`resting_market`; one product a seller, the own one first.
    present : numpy.ndarray
        Prices of today, shape (n,).
    fall_a_day : float, default 0
        Fall of prices a day while the chain of undercuts goes on.

    Returns
    -------
    RestingPrice
        The Bertrand equilibrium and what leads there.

    Examples
    --------
    >>> market = resting_market(np.array([10.0, 10.0]), 5.0, -3.0)
    >>> resting_price(market, np.array([9.0, 9.0])).own < 10
    True
    """
    own = str(market.seller[0])
    rest = bertrand(market)
    earned = []
    for day in range(_HORIZON_DAYS):
        prices = np.maximum(present - day * fall_a_day, market.cost)
        earned.append(market.profits(prices)[own])
    return RestingPrice(
        float(rest.prices[0]),
        tuple(map(float, rest.prices[1:])),
        float(best_response(market, present, own)[0]),
        float(bertrand(market.merged()).prices[0]),
        rest.profits[own] * _HORIZON_DAYS,
        float(np.sum(earned)),
    )
