"""The market of a rehearsal: true demand, which policies do not see, under forces put together by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import pdtrik

from pricelm.core.errors import ConfigError
from pricelm.decisions.dynamic.forces import Loyalty, Reaction, Rival, Stock, Waiting, Weather, drift, season
from pricelm.decisions.dynamic.forces import shocks as shocks_
from pricelm.decisions.dynamic.records import Scene
from pricelm.decisions.dynamic.responses import logit_demand, loglinear_demand
from pricelm.knowledge.settings import nearest

_WEATHERS: dict[str, Callable[[int, int, np.random.Generator], Weather]] = {
    "season": season,
    "shocks": shocks_,
    "drift": drift,
}
_REACTIONS = ("stock", "waiting", "loyalty", "rival")
_SHARE = 0.3
_SCARCE = 0.75


@dataclass(frozen=True)
class MarketKind:
    """A market by the forces in it.

    Parameters
    ----------
    name : str
        As it is asked for.
    about : str
        What it is like, for people.
    forces : tuple of str
        Of ``season``, ``shocks``, ``drift``, ``stock``, ``waiting``, ``loyalty``, ``rival``.
    """

    name: str
    about: str
    forces: tuple[str, ...] = ()


MARKETS: dict[str, MarketKind] = {
    kind.name: kind
    for kind in (
        MarketKind("stationary", "demand stays as it is"),
        MarketKind("season", "waves of week and year, in level and in elasticity", ("season",)),
        MarketKind("shocks", "sudden weeks, and one lasting change of elasticity", ("shocks",)),
        MarketKind("drift", "the elasticity quadruples, or falls to a quarter, over the time", ("drift",)),
        MarketKind("stock", "a weekly delivery that does not last at the first price", ("stock",)),
        MarketKind("strategic", "a third of the customers wait for the low price they saw", ("waiting",)),
        MarketKind("loyal", "customers whom every rise drives away for long", ("loyalty",)),
        MarketKind("competitor", "a rival who wanders and follows", ("rival",)),
        MarketKind("all", "everything at once", ("season", "shocks", "drift", *_REACTIONS)),
    )
}


def market_kind(name: str) -> MarketKind:
    """Return a kind of market by its name.

    Raises
    ------
    ConfigError
        If there is none of this name.

    Examples
    --------
    >>> market_kind("drift").forces
    ('drift',)
    """
    if name not in MARKETS:
        raise ConfigError(f"expected a market ({', '.join(MARKETS)}), got {name!r}{nearest(name, MARKETS)}")
    return MARKETS[name]


@dataclass(frozen=True)
class MarketConfig:
    """How a market is drawn.

    Parameters
    ----------
    days : int, default 365
        Length, 7 to 3,650.
    noise : float, default 0.2
        How much days differ beyond chance, as a share of the units.
    elasticity_spread : float, optional
        Standard deviation of the true elasticities around the known ones; the standard error of what is known
        by default.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    days: int = 365
    noise: float = 0.2
    elasticity_spread: float | None = None

    def __post_init__(self) -> None:
        spread = self.elasticity_spread
        if not 7 <= self.days <= 3650 or not 0 <= self.noise <= 2 or (spread is not None and spread < 0):
            raise ConfigError(
                f"expected 7 to 3,650 days, noise from 0 to 2 and a spread of 0 or more, got {self}"
            )


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw of everything random in a market, for n rows; all policies meet the same one.

    Parameters
    ----------
    weather : Weather
        Level and steepness day by day.
    elasticity : numpy.ndarray
        True elasticity at the first price on a plain day, shape (n,).
    logit : numpy.ndarray
        Whether demand is logistic (else of constant elasticity), bool of shape (n,).
    noise, chance : numpy.ndarray
        Factor of the day, and the quantile of its Poisson units, shape (days, n).
    wander : numpy.ndarray
        Daily steps of the competitor, shape (days, n).
    """

    weather: Weather
    elasticity: np.ndarray
    logit: np.ndarray
    noise: np.ndarray
    chance: np.ndarray
    wander: np.ndarray

    def repeated(self, copies: int) -> Draw:
        """Return the same draw for several policies, below each other."""
        wide = [np.tile(one, (1, copies)) for one in (self.noise, self.chance, self.wander)]
        weather = Weather(
            *(np.tile(one, (1, copies)) for one in (self.weather.level, self.weather.steepness))
        )
        return Draw(weather, np.tile(self.elasticity, copies), np.tile(self.logit, copies), *wide)


def draw_market(kind: MarketKind, scene: Scene, config: MarketConfig, seed: int, products: int = 1) -> Draw:
    """Draw what is random in a market.

    True elasticities are spread around the known ones as these are uncertain, from -6 to -0.5. Every other
    replication has logistic demand, so that no policy knows the shape beforehand.

    Parameters
    ----------
    kind : MarketKind
        Which forces.
    scene : Scene
        n rows.
    config : MarketConfig
        Length and noise.
    seed : int
        The same seed gives the same draw, in every kind of market where it is of the same sort.
    products : int, default 1
        Rows of a replication.
    """
    n, days = len(scene.start), config.days
    rng = np.random.default_rng([seed, 17])
    spread = scene.elasticity_error if config.elasticity_spread is None else config.elasticity_spread
    elasticity = np.clip(scene.elasticity + spread * rng.standard_normal(n), -6.0, -0.5)
    shape = 1 / max(config.noise, 1e-6) ** 2
    noise = rng.gamma(shape, 1 / shape, (days, n)) if config.noise else np.ones((days, n))
    chance, wander = rng.uniform(1e-9, 1 - 1e-9, (days, n)), 0.02 * rng.standard_normal((days, n))
    weather = Weather.fair(days, n)
    for place, (name, force) in enumerate(_WEATHERS.items()):
        if name in kind.forces:
            weather = weather * force(days, n, np.random.default_rng([seed, 23 + place]))
    logit = (np.arange(n) // products) % 2 == 1
    return Draw(weather, elasticity, logit, noise, chance, wander)


class Market:
    """A market that is under way, for n rows.

    Parameters
    ----------
    kind : MarketKind
        Which forces.
    scene : Scene
        n rows.
    draw : Draw
        What is random, n rows too.
    """

    def __init__(self, kind: MarketKind, scene: Scene, draw: Draw) -> None:
        n = len(scene.start)
        self._scene, self._draw, self._day = scene, draw, 0
        self._first = scene.prices[np.arange(n), scene.start]
        self._rival = Rival(draw.wander) if "rival" in kind.forces else None
        self._reactions: list[Reaction] = [self._rival] if self._rival else []
        self._reactions += [Waiting(n)] if "waiting" in kind.forces else []
        self._reactions += [Loyalty(n)] if "loyalty" in kind.forces else []
        weekly = np.ceil(7 * _SCARCE * scene.units)
        self.stock = Stock(weekly) if "stock" in kind.forces else None

    @property
    def rival(self) -> np.ndarray:
        """Competitor's price, shape (n,); NaN where there is none."""
        return self._first * (self._rival.relative if self._rival else np.nan)

    @property
    def on_hand(self) -> np.ndarray:
        """Units in stock, shape (n,); NaN without a limit."""
        return self.stock.on_hand if self.stock else np.full(len(self._first), np.nan)

    @property
    def room(self) -> np.ndarray:
        """Units a day that the stock lasts for, shape (n,); infinite without a limit."""
        return self.stock.room if self.stock else np.full(len(self._first), np.inf)

    def expected_units(self, prices: np.ndarray) -> np.ndarray:
        """Return the units a day that would be wanted at prices today, shape (n,)."""
        relative = prices / self._first
        steep = self._draw.elasticity * self._draw.weather.steepness[self._day]
        shape = np.where(
            self._draw.logit, logit_demand(relative, steep, _SHARE), loglinear_demand(relative, steep)
        )
        units = self._scene.units * self._draw.weather.level[self._day] * shape
        for reaction in self._reactions:
            units = units * reaction.factor(relative)
        return np.asarray(units)

    def sell(self, prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Let a day pass.

        Parameters
        ----------
        prices : numpy.ndarray
            Asked today, shape (n,).

        Returns
        -------
        units : numpy.ndarray
            Sold, shape (n,).
        sold_out : numpy.ndarray
            Whether more was wanted than there was, bool of shape (n,).
        """
        mean = self.expected_units(prices) * self._draw.noise[self._day]
        # the same quantile for all policies: they differ by their prices, not by their luck
        wanted = np.maximum(np.ceil(pdtrik(self._draw.chance[self._day], np.maximum(mean, 1e-9))), 0.0)
        sold = self.stock.sell(wanted) if self.stock else wanted
        for reaction in self._reactions:
            reaction.settle(prices / self._first, sold)
        self._day += 1
        return sold, sold < wanted
