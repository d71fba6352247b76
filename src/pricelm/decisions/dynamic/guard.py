"""The guard: which prices may be asked today, by the rules of the shop.

It is the only way from a policy to a price. It owns no rules: cool-down and moves a day are rule objects
of the knowledge room like all others, and a price is allowed when the slack of every hard rule says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.decisions.dynamic.records import Shop
from pricelm.decisions.dynamic.responses import loglinear_demand
from pricelm.knowledge.endings import PriceEnding
from pricelm.knowledge.facts import ProductFacts, Scope
from pricelm.knowledge.floors import MarginFloor, MinimumAdvertisedPrice, PriceCeiling, PriceFloor
from pricelm.knowledge.moves import ChangeFrequency, MaximumStep
from pricelm.knowledge.portfolio import ChangeCount
from pricelm.knowledge.rule import TOLERANCE, CouplingRule, Inequality, PortfolioRule, PriceRule, Rule
from pricelm.knowledge.rule_files import RuleBook

_CHANGED = "last_changed_at"
_LONG_AGO = 3650
# what changes from day to day; a rule that reads none of it, and no calendar, is asked once for every price
_MOVING = (_CHANGED, "lowest_price_30d", "competitor_price", "observed_at", "stock", "units", "price")
_UNKNOWN = {"competitor_price": np.nan, "observed_at": None, "stock": np.nan}
_STEADY = (MarginFloor, PriceFloor, PriceCeiling, MinimumAdvertisedPrice, MaximumStep, PriceEnding)


@dataclass(frozen=True)
class GuardConfig:
    """Limits on how prices move, beside those in the rules.

    Parameters
    ----------
    cool_down_days : int, default 3
        Least days between two changes of a price; 1 allows one every day.
    max_moves_a_day : int, optional
        Most prices of the shop that may change on a day.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    cool_down_days: int = 3
    max_moves_a_day: int | None = None

    def __post_init__(self) -> None:
        moves = self.max_moves_a_day
        if not 1 <= self.cool_down_days <= 365 or (moves is not None and moves < 0):
            raise ConfigError(
                f"expected a cool-down of 1 to 365 days and moves a day of 0 or more, got {self}"
            )

    def rules(self) -> tuple[Rule, ...]:
        """Return the limits as rules."""
        limits: list[Rule] = [ChangeFrequency(id="cool-down", min_days=self.cool_down_days, column=_CHANGED)]
        if self.max_moves_a_day is not None:
            limits.append(ChangeCount(id="moves-a-day", at_most=self.max_moves_a_day))
        return tuple(limits)


@dataclass(frozen=True, eq=False)
class GuardState:
    """What rules look at on a day, for n rows: J products of a shop, its replications below each other.

    Parameters
    ----------
    day : int
        From 0.
    current : numpy.ndarray
        Column of the price that stands, shape (n,).
    changed : numpy.ndarray
        Day of its last change, shape (n,); negative for before the first day.
    lowest : numpy.ndarray
        Lowest price of the last 30 days, shape (n,).
    rival, stock : numpy.ndarray
        Competitor's price and units in stock, shape (n,); NaN where there is none.
    """

    day: int
    current: np.ndarray
    changed: np.ndarray
    lowest: np.ndarray
    rival: np.ndarray
    stock: np.ndarray


class Guard:
    """Applies a book of rules to the menu of a shop, day by day.

    Parameters
    ----------
    shop : Shop
        J products with K prices each.
    book : RuleBook
        Rules; those on single prices, between prices and on sums all count.
    config : GuardConfig
        Cool-down and moves a day.

    Raises
    ------
    RuleError
        If a rule names a column that is not there.

    Notes
    -----
    A price that stands and breaks a rule, because the market has moved, may stay only while no price on
    the menu keeps the rules. Rules between prices and on sums are asked for each product in turn, with the
    others where they are: a family of one price therefore holds, because no single one of it may move.
    """

    def __init__(self, shop: Shop, book: RuleBook, config: GuardConfig = GuardConfig()) -> None:
        self.shop, self.book = shop, book.in_currency(shop.facts.currency)
        rules = (*self.book.rules, *config.rules())
        base = self._facts(self._first_day())
        self._price_rules: list[tuple[PriceRule, np.ndarray]] = []
        self._sums: list[tuple[PortfolioRule, np.ndarray]] = []
        self._ties: list[tuple[CouplingRule, Inequality]] = []
        for rule in rules:
            bound = base.selected(rule.scope, rule.name)
            # scopes are settled here, because the rows of replications have skus of their own
            if isinstance(rule, CouplingRule):
                self._ties += [(rule, one) for one in rule.inequalities(base)]
            elif isinstance(rule, PriceRule):
                self._price_rules.append((replace(rule, scope=Scope()), bound))
            elif isinstance(rule, PortfolioRule):
                self._sums.append((replace(rule, scope=Scope()), bound))
        relative = shop.prices / shop.facts.price[:, None]
        self._units = shop.units[:, None] * loglinear_demand(relative, shop.elasticity[:, None])
        self._pauses = [
            (rule, bound)
            for rule, bound in self._price_rules
            if isinstance(rule, ChangeFrequency) and _is_pause(rule)
        ]
        self._asked = [
            pair for pair in self._price_rules if not _is_pause(pair[0]) and not _is_steady(pair[0])
        ]
        self._steady_kept, self._steady_penalty = self._steady_tables()
        self._held = [self._held_by_age(rule, bound) for rule, bound in self._pauses]

    @property
    def joint(self) -> bool:
        """Whether prices of several products are tied to each other."""
        return bool(self._sums or self._ties)

    @property
    def today(self) -> date:
        """The first day."""
        return self.shop.facts.today

    def allowed(self, state: GuardState) -> tuple[np.ndarray, np.ndarray]:
        """Return which prices keep the hard rules on single prices, and what soft ones cost.

        Parameters
        ----------
        state : GuardState
            n rows.

        Returns
        -------
        allowed : numpy.ndarray
            Bool of shape (n, K); where nothing keeps the rules only the price that stands.
        penalty : numpy.ndarray
            0 or less, shape (n, K).
        """
        kept, penalty = self.verdicts(state)
        n = len(state.current)
        stuck = ~kept.any(axis=1)
        kept[stuck, state.current[stuck]] = True
        return kept, penalty.reshape(n, -1)

    def verdicts(self, state: GuardState) -> tuple[np.ndarray, np.ndarray]:
        """Return which prices keep the hard rules, none where none does, and the penalties; shape (n, K)."""
        n, count = len(state.current), self.shop.prices.shape[1]
        products = np.tile(np.arange(len(self.shop.facts)), n // len(self.shop.facts))
        kept = self._steady_kept[products, state.current]
        penalty = self._steady_penalty[products, state.current]
        standing = np.arange(count)[None, :] == state.current[:, None]
        age = state.day - state.changed
        for (pause, _), held in zip(self._pauses, self._held, strict=True):
            at = held[products, np.minimum(age, held.shape[1] - 1)]
            self._apply(
                pause, kept, penalty, np.where(at[:, None] & ~standing, -self._gap(products, state), np.inf)
            )
        if self._asked:
            facts, prices, units = self._facts(state), self.shop.prices[products], self._units[products]
            for rule, bound in self._asked:
                rows = np.flatnonzero(bound[products])
                slack = np.full(prices.shape, np.inf)
                if len(rows):
                    slack[rows] = rule.slack(facts.take(rows), prices[rows], units[rows])
                self._apply(rule, kept, penalty, slack)
        return kept, penalty

    def _apply(self, rule: PriceRule, kept: np.ndarray, penalty: np.ndarray, slack: np.ndarray) -> None:
        if rule.penalty is None:
            kept &= slack >= -TOLERANCE
        else:
            penalty += rule.penalty * np.minimum(slack, 0.0)

    def _gap(self, products: np.ndarray, state: GuardState) -> np.ndarray:
        prices = self.shop.prices[products]
        return np.abs(prices - prices[np.arange(len(products)), state.current][:, None])

    def _steady_tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Ask the rules that never change their mind, for every price that may stand: shape (J, K, K)."""
        n, count = self.shop.prices.shape
        kept = np.repeat(self.shop.fresh[:, None, :], count, axis=1)
        kept[:, np.arange(count), np.arange(count)] = True
        penalty = np.zeros((n, count, count))
        steady = [pair for pair in self._price_rules if _is_steady(pair[0])]
        for column in range(count) if steady else ():
            facts = self._facts(replace(self._first_day(), current=np.full(n, column)))
            for rule, bound in steady:
                slack = np.full((n, count), np.inf)
                rows = np.flatnonzero(bound)
                if len(rows):
                    slack[rows] = rule.slack(facts.take(rows), self.shop.prices[rows], self._units[rows])
                self._apply(rule, kept[:, column], penalty[:, column], slack)
        return kept, penalty

    def _held_by_age(self, rule: ChangeFrequency, bound: np.ndarray) -> np.ndarray:
        """Ask a rule on how often prices move, for every age of the last change: bool of shape (J, ages)."""
        first, held = self._first_day(), []
        for age in range(rule.min_days + 1):
            facts = self._facts(replace(first, changed=np.full(len(bound), -age)))
            held.append(rule.held(facts) & bound)
        return np.array(held).T

    def usage(self, state: GuardState) -> np.ndarray:
        """Return what each price adds to each hard rule on sums, shape (S, n, K)."""
        facts, copies = self._facts(state), len(state.current) // len(self.shop.facts)
        prices, units = (np.tile(one, (copies, 1)) for one in (self.shop.prices, self._units))
        used = []
        for rule, bound in self._hard_sums():
            one = rule.usage(facts, prices, units)
            used.append(np.where(np.tile(bound, copies)[:, None], one, 0.0))
        return np.array(used).reshape(len(used), *prices.shape)

    def joint_mask(self, usage: np.ndarray, chosen: np.ndarray, product: int) -> np.ndarray:
        """Return which prices of one product keep the rules that tie it to the others.

        Parameters
        ----------
        usage : numpy.ndarray
            From :meth:`usage`.
        chosen : numpy.ndarray
            Column of each product, decided today or still standing, shape (copies, J).
        product : int
            Which product.

        Returns
        -------
        numpy.ndarray
            Bool of shape (copies, K); a rule that is broken already allows what does not make it worse.
        """
        copies, count = len(chosen), self.shop.prices.shape[1]
        mask = np.ones((copies, count), dtype=bool)
        for (rule, _), used in zip(self._hard_sums(), usage, strict=True):
            by_product = used.reshape(copies, -1, count)
            standing = np.take_along_axis(by_product, chosen[:, :, None], axis=2)[:, :, 0]
            others = standing.sum(axis=1) - standing[:, product]
            total = others[:, None] + by_product[:, product, :]
            now = standing.sum(axis=1)
            limit = np.maximum(rule.limit, now)[:, None]
            mask &= total <= limit + 1e-9 * np.maximum(1.0, np.abs(limit))
        prices = self.shop.prices[np.arange(chosen.shape[1]), chosen]
        for tie, inequality in self._ties:
            if tie.hard and product in inequality.rows:
                mask &= self._keeps(inequality, prices, product)
        return mask

    def _keeps(self, inequality: Inequality, prices: np.ndarray, product: int) -> np.ndarray:
        weights = np.zeros(prices.shape[1])
        np.add.at(weights, list(inequality.rows), inequality.coefficients)
        now = prices @ weights - inequality.at_least
        change = self.shop.prices[product][None, :] - prices[:, product][:, None]
        least = np.minimum(0.0, now)[:, None]
        return np.asarray(now[:, None] + weights[product] * change >= least - TOLERANCE)

    def _hard_sums(self) -> list[tuple[PortfolioRule, np.ndarray]]:
        return [(rule, bound) for rule, bound in self._sums if rule.hard]

    def _first_day(self) -> GuardState:
        nothing = np.full(len(self.shop.facts), np.nan)
        return GuardState(0, self.shop.start, self.changed, self.shop.facts.price, nothing, nothing)

    @property
    def changed(self) -> np.ndarray:
        """Day of the last change before the first day, 0 or less, shape (J,); long ago where it is not
        told."""
        if _CHANGED not in self.shop.facts.frame.columns:
            return np.full(len(self.shop.facts), -_LONG_AGO)
        days = self.shop.facts.days_since(_CHANGED, "the cool-down")
        return -np.clip(np.nan_to_num(days, nan=_LONG_AGO), 0, _LONG_AGO).astype(int)

    def _facts(self, state: GuardState) -> ProductFacts:
        """Return the facts of a day; what the shop's table does not say of it comes from the state."""
        base, n = self.shop.facts, len(state.current)
        copies = n // len(base)
        today = base.today + timedelta(days=state.day)
        frame = base.frame if copies == 1 else base.frame.iloc[np.tile(np.arange(len(base)), copies)]
        frame = frame.reset_index(drop=True)
        rows = np.tile(np.arange(len(base)), copies)
        changed = np.datetime64(base.today) + state.changed.astype("timedelta64[D]")
        moved: dict[str, Any] = {
            "price": self.shop.prices[rows, state.current],
            _CHANGED: changed.astype("datetime64[s]"),
            "lowest_price_30d": state.lowest,
            "units": np.tile(self.shop.units, copies),
        }
        # an empty competitor price or stock leaves a product free, as the rules have it
        if np.isfinite(state.rival).any():
            moved |= {"competitor_price": state.rival, "observed_at": np.datetime64(today)}
        if np.isfinite(state.stock).any():
            moved["stock"] = state.stock
        moved |= {name: value for name, value in _UNKNOWN.items() if name not in {*moved, *frame.columns}}
        if copies > 1:
            moved["sku"] = np.arange(n).astype(str)
        return ProductFacts(frame.assign(**moved), today, base.currency)


def daily_facts(facts: ProductFacts) -> ProductFacts:
    """Return facts with the columns that a rehearsal fills in day by day, where the table has none."""
    filled = {**_UNKNOWN, "lowest_price_30d": facts.price, _CHANGED: None, "units": np.nan}
    new = {name: value for name, value in filled.items() if name not in facts.frame.columns}
    return ProductFacts(facts.frame.assign(**new), facts.today, facts.currency)


def _is_pause(rule: PriceRule) -> bool:
    return isinstance(rule, ChangeFrequency) and rule.column == _CHANGED


def _is_steady(rule: PriceRule) -> bool:
    return isinstance(rule, _STEADY) and getattr(rule, "column", None) not in _MOVING
