"""What the parts of dynamic pricing tell each other: the shop, the state of a day, and what a day brought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import ConfigError, DataError
from pricelm.knowledge.facts import ProductFacts

MOST_PRODUCTS = 50
MOST_PRICES = 101


@dataclass(frozen=True, eq=False)
class Shop:
    """The products of a rehearsal, with the prices that may be asked and what is known of demand.

    Parameters
    ----------
    facts : ProductFacts
        J products with ``unit_cost`` and whatever columns rules name.
    prices : numpy.ndarray
        The menu: prices that may be asked, ascending, shape (J, K); a repeated price counts once.
    units : numpy.ndarray
        Expected units a day at the current price, shape (J,).
    elasticity, elasticity_error : numpy.ndarray
        Own-price elasticity and its standard error, shape (J,).

    Raises
    ------
    DataError
        If a number cannot be what it should be, or a current price is not on the menu.
    """

    facts: ProductFacts
    prices: np.ndarray
    units: np.ndarray
    elasticity: np.ndarray
    elasticity_error: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.facts)
        if not 0 < n <= MOST_PRODUCTS:
            raise DataError(f"expected 1 to {MOST_PRODUCTS} products to rehearse with, got {n}. Choose some")
        if self.prices.ndim != 2 or len(self.prices) != n or not 2 <= self.prices.shape[1] <= MOST_PRICES:
            raise DataError(
                f"expected a menu of 2 to {MOST_PRICES} prices for {n} products, got {self.prices.shape}"
            )
        numbers = [self.prices, self.units, self.elasticity, self.elasticity_error]
        if not all(np.isfinite(one).all() for one in numbers):
            raise DataError("expected finite prices, units and elasticities, got others. Correct them")
        if (self.prices <= 0).any() or (np.diff(self.prices, axis=1) < 0).any():
            raise DataError("expected ascending prices above zero on the menu, got others")
        if (self.units <= 0).any() or (self.elasticity >= 0).any() or (self.elasticity_error < 0).any():
            raise DataError(
                "expected units above 0, elasticities below 0 and errors of 0 or more; a product that sells "
                "nothing, or more when it is dearer, cannot be rehearsed"
            )
        if not np.isclose(self.prices, self.facts.price[:, None]).any(axis=1).all():
            raise DataError("expected the current price of every product on its menu. Add it")

    @property
    def costs(self) -> np.ndarray:
        """Unit costs, shape (J,)."""
        return self.facts.costs("dynamic pricing")

    @property
    def start(self) -> np.ndarray:
        """Column of the current price, shape (J,)."""
        return np.abs(self.prices - self.facts.price[:, None]).argmin(axis=1)

    @property
    def fresh(self) -> np.ndarray:
        """False where a price repeats the one before, bool of shape (J, K)."""
        fresh = np.ones(self.prices.shape, dtype=bool)
        fresh[:, 1:] = np.diff(self.prices, axis=1) > 1e-9
        return fresh


@dataclass(frozen=True, eq=False)
class Scene:
    """What a policy is started with: n products, the replications below each other.

    Parameters
    ----------
    prices : numpy.ndarray
        Menu, shape (n, K).
    costs, units, elasticity, elasticity_error : numpy.ndarray
        What is known at the start, shape (n,) each; units a day at the price of column ``start``.
    start : numpy.ndarray
        Column of the first price, shape (n,).
    seed : int
        Of everything random in the policy.
    """

    prices: np.ndarray
    costs: np.ndarray
    units: np.ndarray
    elasticity: np.ndarray
    elasticity_error: np.ndarray
    start: np.ndarray
    seed: int = 0

    @classmethod
    def of(cls, shop: Shop, copies: int = 1, seed: int = 0) -> Scene:
        """Return the scene of a shop, repeated; a copy's products stand together."""
        if copies < 1:
            raise ConfigError(f"expected 1 replication or more, got {copies}")
        first = cls(
            shop.prices, shop.costs, shop.units, shop.elasticity, shop.elasticity_error, shop.start, seed
        )
        return first.repeated(copies)

    def repeated(self, copies: int) -> Scene:
        """Return the same rows several times, below each other."""
        return Scene(
            np.tile(self.prices, (copies, 1)),
            np.tile(self.costs, copies),
            np.tile(self.units, copies),
            np.tile(self.elasticity, copies),
            np.tile(self.elasticity_error, copies),
            np.tile(self.start, copies),
            self.seed,
        )

    @property
    def relative(self) -> np.ndarray:
        """Menu over the first price, shape (n, K)."""
        return self.prices / self.prices[np.arange(len(self.start)), self.start][:, None]

    @property
    def margins(self) -> np.ndarray:
        """Price less cost, shape (n, K)."""
        return self.prices - self.costs[:, None]


@dataclass(frozen=True, eq=False)
class Situation:
    """What can be seen in the morning, before prices are set.

    Parameters
    ----------
    day : int
        From 0.
    allowed : numpy.ndarray
        Prices that keep the hard rules, bool of shape (n, K), at least one a product.
    penalty : numpy.ndarray
        What soft rules cost a day at each price, 0 or less, shape (n, K).
    current : numpy.ndarray
        Column of the price that stands, shape (n,).
    rival : numpy.ndarray
        Competitor's price, shape (n,); NaN where there is none.
    room : numpy.ndarray
        Units a day that the stock lasts for until the next delivery, shape (n,); infinite without a limit.
    """

    day: int
    allowed: np.ndarray
    penalty: np.ndarray
    current: np.ndarray
    rival: np.ndarray
    room: np.ndarray


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a day brought.

    Parameters
    ----------
    column : numpy.ndarray
        Column of the price asked, shape (n,).
    units : numpy.ndarray
        Units sold, shape (n,).
    sold_out : numpy.ndarray
        Whether the stock ended, so that more might have been sold, bool of shape (n,).
    """

    column: np.ndarray
    units: np.ndarray
    sold_out: np.ndarray

    def take(self, rows: slice) -> Outcome:
        """Return some rows."""
        return Outcome(self.column[rows], self.units[rows], self.sold_out[rows])
