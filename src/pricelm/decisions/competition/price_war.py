"""Price-war radar: chains of undercutting in observed prices, and where they will come to rest.

An undercut is a move to below the cheapest rival by one who was not the cheapest. A chain of them by at least
two sellers in turn, without a pause or a raise in between, is a war.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pricelm.core.errors import ConfigError

QUIET, TENSION, WAR = "quiet", "tension", "price war"
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class RadarConfig:
    """What counts as a price war.

    Parameters
    ----------
    undercuts : int, default 4
        Undercuts in turn that make a war; half as many make tension.
    largest_step : float, default 0.1
        An undercut goes at most this share below the cheapest rival; more is a sale, not an answer.
    pause_days : float, default 14
        A chain without a move for longer is over.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    undercuts: int = 4
    largest_step: float = 0.1
    pause_days: float = 14.0

    def __post_init__(self) -> None:
        if self.undercuts < 2 or not 0 < self.largest_step < 1 or self.pause_days <= 0:
            raise ConfigError(
                "expected at least 2 undercuts, a largest step between 0 and 1 and a pause above 0 days, got "
                f"{self.undercuts}, {self.largest_step:g} and {self.pause_days:g}"
            )


@dataclass(frozen=True)
class PriceWar:
    """What the radar sees of one product.

    Parameters
    ----------
    sku : str
        The product.
    status : {"quiet", "tension", "price war"}
        Of the chain that is not over; ``"quiet"`` where there is none.
    undercuts : int
        In the chain.
    sellers : tuple of str
        Who undercuts.
    started, last_move : pandas.Timestamp or None
        Of the chain.
    first_price, last_price : float or None
        Cheapest price before the chain and now.
    fall_a_day : float
        Fall of the cheapest price a day during the chain, in currency.
    past_wars : int
        Chains of that length that are over.
    """

    sku: str
    status: str
    undercuts: int = 0
    sellers: tuple[str, ...] = ()
    started: pd.Timestamp | None = None
    last_move: pd.Timestamp | None = None
    first_price: float | None = None
    last_price: float | None = None
    fall_a_day: float = 0.0
    past_wars: int = 0

    def days_until(self, price: float) -> float | None:
        """Return the days until the cheapest price falls to ``price`` at this speed; None if it does not."""
        if self.last_price is None or self.fall_a_day <= 0 or self.last_price <= price:
            return None
        return (self.last_price - price) / self.fall_a_day


def watch_price_war(
    sku: str, observations: pd.DataFrame, now: pd.Timestamp, config: RadarConfig = RadarConfig()
) -> PriceWar:
    """Look for chains of undercutting among the sellers of one product.

    Parameters
    ----------
    sku : str
        The product.
    observations : pandas.DataFrame
        seller, price, observed_at of this product, the own prices among them.
    now : pandas.Timestamp
        Whether a chain is over is counted from here.
    config : RadarConfig
        What counts.

    Returns
    -------
    PriceWar
        The chain that goes on, if any, and how many there were.

    Examples
    --------
    >>> days = pd.date_range("2024-01-01", periods=6)
    >>> seen = pd.DataFrame({"seller": ["a", "b"] * 3, "price": [9.9, 9.8, 9.7, 9.6, 9.5, 9.4],
    ...     "observed_at": days})
    >>> watch_price_war("kettle", seen, days[-1]).status
    'price war'
    """
    chains = _chains(observations.sort_values("observed_at", kind="stable"), config)
    long = [chain for chain in chains if len(chain.sellers) >= config.undercuts and chain.in_turn]
    if not chains:
        return PriceWar(sku, QUIET)
    last = chains[-1]
    over = last.broken or (now - last.times[-1]) / _DAY > config.pause_days
    enough = last.in_turn and len(last.sellers) >= max(config.undercuts // 2, 2)
    past = len(long) - (last in long and not over)
    if over or not enough:
        return PriceWar(sku, QUIET, past_wars=past)
    days = max((last.times[-1] - last.times[0]) / _DAY, 1.0)
    return PriceWar(
        sku,
        WAR if len(last.sellers) >= config.undercuts else TENSION,
        len(last.sellers),
        tuple(sorted(set(last.sellers))),
        last.times[0],
        last.times[-1],
        last.before,
        last.prices[-1],
        (last.before - last.prices[-1]) / days,
        past,
    )


@dataclass(eq=False)
class _Chain:
    before: float
    sellers: list[str]
    prices: list[float]
    times: list[pd.Timestamp]
    broken: bool = False

    @property
    def in_turn(self) -> bool:
        return len(set(self.sellers)) >= 2


def _chains(ordered: pd.DataFrame, config: RadarConfig) -> list[_Chain]:
    now: dict[str, float] = {}
    chains: list[_Chain] = []
    rows = zip(ordered["seller"], ordered["price"], ordered["observed_at"], strict=True)
    for seller, price, at in rows:
        before, rivals = now.get(seller), [value for name, value in now.items() if name != seller]
        now[seller] = price
        if not rivals or before == price:
            continue
        cheapest = min(rivals)
        chain = chains[-1] if chains and not chains[-1].broken else None
        if chain is not None and (at - chain.times[-1]) / _DAY > config.pause_days:
            chain.broken, chain = True, None
        undercut = cheapest * (1 - config.largest_step) <= price < cheapest
        if undercut and (before is None or before >= cheapest):
            if chain is None:
                chains.append(_Chain(cheapest, [seller], [price], [at]))
            else:
                chain.sellers.append(seller)
                chain.prices.append(price)
                chain.times.append(at)
        elif chain is not None and before is not None and price > before and seller in chain.sellers:
            chain.broken = True
    return chains
