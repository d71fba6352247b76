"""A rehearsal: policies set prices in a market day by day, inside the rules, and every decision is written
down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.decisions.dynamic.guard import Guard, GuardState
from pricelm.decisions.dynamic.market import Draw, Market, MarketConfig, MarketKind, draw_market
from pricelm.decisions.dynamic.policy import Policy
from pricelm.decisions.dynamic.records import Outcome, Scene, Situation

_MONTH = 30

Start = Callable[[Scene], Policy]


@dataclass(frozen=True, eq=False)
class Course:
    """What happened to one policy.

    Parameters
    ----------
    profit, revenue, units : numpy.ndarray
        Of each day, shape (days, n); the profit is margin times units.
    column : numpy.ndarray
        Price asked, as a column of the menu, shape (days, n).
    propensity : numpy.ndarray
        Probability of that price, shape (days, n).
    probabilities : numpy.ndarray or None
        Of all prices, shape (days, n, K), where a log was asked for.
    rival : numpy.ndarray or None
        Competitor's price, shape (days, n), where a log was asked for.
    moves : numpy.ndarray
        Price changes of each row, shape (n,).
    stuck : int
        Days of a product on which no price kept the rules, so that the price stood.
    """

    profit: np.ndarray
    revenue: np.ndarray
    units: np.ndarray
    column: np.ndarray
    propensity: np.ndarray
    moves: np.ndarray
    stuck: int
    probabilities: np.ndarray | None = None
    rival: np.ndarray | None = None

    @property
    def total(self) -> np.ndarray:
        """Profit of each row over all days, shape (n,)."""
        return np.asarray(self.profit.sum(axis=0))


@dataclass(frozen=True)
class RehearsalConfig:
    """How often and how long.

    Parameters
    ----------
    replications : int, default 40
        Markets of a kind.
    market : MarketConfig
        Their length and noise.
    seed : int, default 0
        Of everything random.
    """

    replications: int = 40
    market: MarketConfig = field(default_factory=MarketConfig)
    seed: int = 0


def rehearse(
    guard: Guard,
    kind: MarketKind,
    starts: Sequence[Start],
    config: RehearsalConfig = RehearsalConfig(),
    *,
    keep_log: bool = False,
) -> list[Course]:
    """Run policies side by side through the same draw of a market.

    Parameters
    ----------
    guard : Guard
        Shop and rules.
    kind : MarketKind
        Market.
    starts : sequence of callable
        Each makes a policy from a scene of replications times products rows; its own scene may be a whole
        number of copies of it.
    config : RehearsalConfig
        Replications, days, seed.
    keep_log : bool, default False
        Whether probabilities of all prices are kept.

    Returns
    -------
    list of Course
        One a policy, in order.
    """
    shop = guard.shop
    scene = Scene.of(shop, config.replications, config.seed)
    draw = draw_market(kind, scene, config.market, config.seed, len(shop.facts))
    policies = [start(scene) for start in starts]
    for policy in policies:
        if len(policy.scene.start) % len(scene.start):
            raise ConfigError("expected a policy for the scene it was given, or for whole copies of it")
    run = _Run(guard, kind, draw, policies, config, keep_log)
    for day in range(config.market.days):
        run.step(day)
    return run.courses()


class _Run:
    """The state of all policies at once: their rows stand below each other, policy by policy."""

    def __init__(
        self,
        guard: Guard,
        kind: MarketKind,
        draw: Draw,
        policies: list[Policy],
        config: RehearsalConfig,
        keep_log: bool,
    ) -> None:
        self.guard, self.policies, self.keep_log = guard, policies, keep_log
        self.rows = config.replications * len(guard.shop.facts)
        ends = np.cumsum([0, *(len(policy.scene.start) for policy in policies)]).tolist()
        self.slices = [slice(low, high) for low, high in pairwise(ends)]
        self.copies = ends[-1] // self.rows
        self.scene = Scene.of(guard.shop, config.replications * self.copies, config.seed)
        self.market = Market(kind, self.scene, draw.repeated(self.copies))
        n, days = ends[-1], config.market.days
        self.current = self.scene.start.copy()
        self.changed = np.tile(guard.changed, n // len(guard.shop.facts))
        # the lowest price before the first day is what the shop says, or the first price
        self.past = np.tile(self._prices(), (_MONTH, 1))
        self.moves, self.stuck = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
        self._rng = np.random.default_rng([config.seed, 5])
        shape = (days, n)
        self.units, self.propensity, self.rival = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.column = np.zeros(shape, dtype=np.int16)
        width = self.scene.prices.shape[1]
        self.kept = np.zeros((*shape, width), dtype=np.float32) if keep_log else None

    def _prices(self) -> np.ndarray:
        return self.scene.prices[np.arange(len(self.current)), self.current]

    def step(self, day: int) -> None:
        """Let all policies live through a day."""
        rival = self.market.rival
        lowest = self.past.min(axis=0)
        state = GuardState(day, self.current, self.changed, lowest, rival, self.market.on_hand)
        allowed, penalty = self.guard.verdicts(state)
        none = ~allowed.any(axis=1)
        self.stuck += none
        allowed[none, self.current[none]] = True
        whole = Situation(day, allowed, penalty, self.current, rival, self.market.room)
        situations = [_part(whole, rows) for rows in self.slices]
        chances = np.concatenate(
            [policy.probabilities(one) for policy, one in zip(self.policies, situations, strict=True)]
        )
        column, chances = self._draw(state, allowed, chances)
        before, self.current = self.current, column
        moved = column != before
        self.changed = np.where(moved, day, self.changed)
        self.moves += moved
        prices = self._prices()
        units, sold_out = self.market.sell(prices)
        self.past[day % _MONTH] = prices
        outcome = Outcome(column, units, sold_out)
        for policy, one, rows in zip(self.policies, situations, self.slices, strict=True):
            policy.learn(one, outcome.take(rows))
        self.units[day], self.column[day], self.rival[day] = units, column, rival
        self.propensity[day] = chances[np.arange(len(column)), column]
        if self.kept is not None:
            self.kept[day] = chances

    def _draw(
        self, state: GuardState, allowed: np.ndarray, chances: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw a price each. Products of a shop come in turn, so that none always finds the moves used up."""
        if not self.guard.joint:
            return _drawn(chances, self._common_chance()), chances
        usage = self.guard.usage(state)
        copies, products = len(chances) // len(self.guard.shop.facts), len(self.guard.shop.facts)
        chosen = self.current.reshape(copies, products).copy()
        used = chances.reshape(copies, products, -1).copy()
        open_ = allowed.reshape(copies, products, -1)
        luck = self._common_chance().reshape(copies, products)
        for turn in range(products):
            product = (state.day + turn) % products
            mask = open_[:, product] & self.guard.joint_mask(usage, chosen, product)
            used[:, product] = _within(used[:, product], mask, chosen[:, product])
            chosen[:, product] = _drawn(used[:, product], luck[:, product])
        return chosen.ravel(), used.reshape(len(chances), -1)

    def _common_chance(self) -> np.ndarray:
        return np.tile(self._rng.random(self.rows), self.copies)

    def courses(self) -> list[Course]:
        """Return what happened, policy by policy."""
        prices = np.take_along_axis(
            np.broadcast_to(self.scene.prices, (len(self.units), *self.scene.prices.shape)),
            self.column[:, :, None].astype(int),
            axis=2,
        )[:, :, 0]
        revenue = prices * self.units
        profit = revenue - self.scene.costs * self.units
        return [
            Course(
                profit[:, rows],
                revenue[:, rows],
                self.units[:, rows],
                self.column[:, rows],
                self.propensity[:, rows],
                self.moves[rows],
                int(self.stuck[rows].sum()),
                None if self.kept is None else self.kept[:, rows],
                self.rival[:, rows] if self.keep_log else None,
            )
            for rows in self.slices
        ]


def _part(whole: Situation, rows: slice) -> Situation:
    return replace(
        whole,
        allowed=whole.allowed[rows],
        penalty=whole.penalty[rows],
        current=whole.current[rows],
        rival=whole.rival[rows],
        room=whole.room[rows],
    )


def _drawn(chances: np.ndarray, luck: np.ndarray) -> np.ndarray:
    """Return a column each, by quantile; the last one that has a chance where rounding leaves none."""
    reached = np.cumsum(chances, axis=1)
    column = (luck[:, None] * reached[:, -1:] < reached).argmax(axis=1)
    return np.asarray(column)


def _within(chances: np.ndarray, mask: np.ndarray, standing: np.ndarray) -> np.ndarray:
    """Return probabilities within a mask; what has none left stays where it is, if that has to be."""
    kept = np.where(mask, chances, 0.0)
    total = kept.sum(axis=1)
    lost = total <= 1e-12
    kept[lost] = np.where(mask[lost], 1.0, 0.0)
    nothing = lost & ~mask.any(axis=1)
    kept[nothing, standing[nothing]] = 1.0
    return kept / kept.sum(axis=1, keepdims=True)
