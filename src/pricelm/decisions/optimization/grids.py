"""Price grids: prices worth looking at, inside what demand is known for, ending as rules ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.knowledge.endings import PriceEnding
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule_files import RuleBook

_SAME = 0.005
_MOST_PRICES = 1_000


@dataclass(frozen=True)
class GridConfig:
    """Which prices are looked at.

    Parameters
    ----------
    n_prices : int, default 21
        Prices a product.
    span : float, default 0.3
        How far from the current price, as a share, where the support does not end before.
    explore : float, default 0
        How far beyond the support, as a share of its ends; such prices are marked "test first".

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    n_prices: int = 21
    span: float = 0.3
    explore: float = 0.0

    def __post_init__(self) -> None:
        if self.n_prices < 2:
            raise ConfigError(f"expected at least 2 prices a product, got one price only ({self.n_prices})")
        if self.n_prices > _MOST_PRICES or not 0 < self.span < 1 or not 0 <= self.explore <= 1:
            raise ConfigError(
                f"expected at most {_MOST_PRICES:,} prices, span between 0 and 1 and explore from 0 to 1, "
                f"got {self}"
            )


@dataclass(frozen=True, eq=False)
class Grid:
    """Prices to choose from.

    Parameters
    ----------
    prices : numpy.ndarray
        Ascending, shape (n, m).
    fresh : numpy.ndarray
        False where a price repeats the one before, bool of shape (n, m).
    current : numpy.ndarray
        Column of the current price, shape (n,).
    supported : numpy.ndarray
        Whether demand is known for the price; the current price counts, bool of shape (n, m).
    """

    prices: np.ndarray
    fresh: np.ndarray
    current: np.ndarray
    supported: np.ndarray


def price_grid(
    facts: ProductFacts,
    book: RuleBook,
    support: tuple[np.ndarray, np.ndarray],
    config: GridConfig = GridConfig(),
) -> Grid:
    """Make the grid.

    It spans the supported prices around the current one, rounded to cents or to the endings that rules ask
    for, and always holds the current price and the nearest prices that hard rules allow.

    Parameters
    ----------
    facts : ProductFacts
        n products.
    book : RuleBook
        Rules; endings and bounds shape the grid, nothing is left out because of a rule.
    support : tuple of numpy.ndarray
        Lowest and highest price that demand is known for, shape (n,); NaN where that is not known.
    config : GridConfig
        How many and how far.

    Returns
    -------
    Grid
        No price lies outside the support, widened by ``explore``, but the current one.

    Examples
    --------
    >>> import pandas as pd
    >>> facts = ProductFacts(pd.DataFrame({"sku": ["a"], "price": [10.0]}))
    >>> grid = price_grid(facts, RuleBook(), (np.array([9.0]), np.array([11.0])), GridConfig(5))
    >>> grid.prices.tolist(), grid.current.tolist()
    ([[9.0, 9.9, 10.0, 10.1, 11.0]], [2])
    """
    price = facts.price
    known_low = np.where(np.isnan(support[0]), -np.inf, support[0])
    known_high = np.where(np.isnan(support[1]), np.inf, support[1])
    low = np.maximum(price * (1 - config.span), known_low * (1 - config.explore))
    high = np.minimum(price * (1 + config.span), known_high * (1 + config.explore))
    # a current price outside the support is itself no reason to look further out
    low, high = np.minimum(low, high), np.maximum(low, high)
    rule_low, rule_high = _rule_ends(facts, book)
    extra = [np.clip(rule_low, low, high), np.clip(rule_high, low, high)]
    steps = np.linspace(0.0, 1.0, max(config.n_prices - 3, 1))
    base = low[:, None] * (high / low)[:, None] ** steps
    marked = np.column_stack([base, *extra])[:, : config.n_prices - 1]
    rounded = _rounded(marked, facts, book, (low, high))
    prices = np.sort(np.column_stack([rounded, price]), axis=1)
    fresh = np.ones(prices.shape, dtype=bool)
    fresh[:, 1:] = np.diff(prices, axis=1) > 1e-9
    current = np.abs(prices - price[:, None]).argmin(axis=1)
    supported = (prices >= known_low[:, None] - _SAME) & (prices <= known_high[:, None] + _SAME)
    supported[np.arange(len(price)), current] = True
    return Grid(prices, fresh, current, supported)


def _rule_ends(facts: ProductFacts, book: RuleBook) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.zeros(len(facts)), np.full(len(facts), np.inf)
    for rule in book.price_rules:
        if rule.hard:
            ends = rule.bounds(facts)
            low, high = np.maximum(low, ends[0]), np.minimum(high, ends[1])
    # without a rule, small steps around the current price are worth a look
    near = 0.99 * facts.price, 1.01 * facts.price
    return np.where(low > 0, low, near[0]), np.where(np.isfinite(high), high, near[1])


def _rounded(
    prices: np.ndarray, facts: ProductFacts, book: RuleBook, ends: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Round to cents, the lower rule end up and the upper one down, then to endings inside the range."""
    low, high = (end[:, None] for end in ends)
    cents = np.round(prices, 2)
    if prices.shape[1] >= 2:
        cents[:, -2] = np.ceil(prices[:, -2] * 100 - 1e-6) / 100
        cents[:, -1] = np.floor(prices[:, -1] * 100 + 1e-6) / 100
    cents = np.where((cents < low - 1e-9) | (cents > high + 1e-9) | (cents <= 0), prices, cents)
    for rule in book.price_rules:
        if isinstance(rule, PriceEnding):
            chosen = facts.selected(rule.scope, rule.name)
            cents[chosen] = _with_ending(cents[chosen], rule, low[chosen], high[chosen])
    return cents


def _with_ending(prices: np.ndarray, rule: PriceEnding, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    up, down = rule.rounded(prices, up=True), rule.rounded(prices, up=False)
    up = np.where(up <= high + 1e-9, up, np.inf)
    down = np.where((down >= low - 1e-9) & (down > 0), down, -np.inf)
    nearest = np.where(up - prices <= prices - down, up, down)
    # the two ends that rules ask for must stay on their side of the rule
    if prices.shape[1] >= 2:
        nearest[:, -2] = np.where(np.isfinite(up[:, -2]), up[:, -2], nearest[:, -2])
        nearest[:, -1] = np.where(np.isfinite(down[:, -1]), down[:, -1], nearest[:, -1])
    return np.where(np.isfinite(nearest), nearest, prices)
