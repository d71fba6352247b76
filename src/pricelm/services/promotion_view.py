"""Promotions as the console shows them: the next campaigns, what a budget earns, what is left out and why."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from threading import RLock
from typing import Any

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.decisions.demand import SalesPanel, weekly_panel
from pricelm.decisions.promotion import (
    Calendar,
    CalendarLimits,
    Candidate,
    CandidateConfig,
    Effect,
    PromotionStudy,
    candidates,
    measure_promotions,
    plan_calendar,
    shortlist,
)
from pricelm.services.known_products import KnownProducts, known_products
from pricelm.services.stored_sales import FLAG, Missing, StoredSales, stored_sales
from pricelm.services.worklist import WorkLists
from pricelm.storage.whole_market import market_mark, sales_span

_WEEKS_READ = 156
_MOST_SERIES = 1_500
_POINTS = 10
_MANY = 60
_NEAR = 1e-3
_KEPT = 12
_LONGEST = {"weeks": 26, "length": 8, "most_a_week": 200, "most_of_a_category": 200, "gap_weeks": 52}
_HIGHEST = 1e12


@dataclass(frozen=True)
class PromotionTerms:
    """What the next campaigns have to keep.

    Parameters
    ----------
    budget : float or None, default None
        Most that all together may spend; half of what all worthwhile ones would, where None.
    weeks : int, default 8
        Weeks to plan, 1 to 26.
    length : int, default 1
        Weeks of a campaign, 1 to 8.
    campaign_cost : float, default 0
        Cost of a campaign beside its discount.
    most_a_week, most_of_a_category : int, default 5 and 1
        Campaigns at once, of all and of one category; 1 to 200.
    gap_weeks : int, default 4
        Weeks between two campaigns of a product, 0 to 52.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    budget: float | None = None
    weeks: int = 8
    length: int = 1
    campaign_cost: float = 0.0
    most_a_week: int = 5
    most_of_a_category: int = 1
    gap_weeks: int = 4

    def __post_init__(self) -> None:
        for name, most in _LONGEST.items():
            least = 0 if name == "gap_weeks" else 1
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"expected {name} from {least} to {most}, got {getattr(self, name)}")
        for name in ("budget", "campaign_cost"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= _HIGHEST:
                raise ConfigError(f"expected {name} of 0 or more, got {value}")
        if self.length > self.weeks:
            raise ConfigError(f"expected campaigns no longer than the {self.weeks} weeks, got {self.length}")


@dataclass(frozen=True)
class PlannedCampaign:
    """One campaign of the calendar; ``first`` counts weeks from 0, ``start`` is the Monday."""

    sku: str
    title: str
    category: str
    first: int
    start: date
    weeks: int
    regular_price: float
    price: float
    extra_units: float
    gain: float
    spent: float

    @property
    def depth(self) -> float:
        """Share by which the price is lower."""
        return 1 - self.price / self.regular_price


@dataclass(frozen=True)
class BudgetPoint:
    """What the best calendar within a budget earns more than doing nothing."""

    budget: float
    gain: float
    spent: float
    campaigns: int


@dataclass(frozen=True)
class LeftOut:
    """A product without a campaign: why, and what one would bring where that is known.

    ``reason`` is ``loses``, ``over budget``, ``others earn more``, ``never promoted``, ``not measured``,
    ``no cost``, ``no sales`` or ``refused``.
    """

    sku: str
    title: str
    reason: str
    detail: str = ""
    gain: float | None = None
    spent: float | None = None
    uplift: Effect | None = None


@dataclass(frozen=True)
class PromotionPlan:
    """The next campaigns.

    Parameters
    ----------
    terms : PromotionTerms
        What they keep, the budget filled in.
    currency : str
        ISO code, or ``""``.
    mondays : list of datetime.date
        The weeks.
    campaigns : list of PlannedCampaign
        By week and product.
    gain, spent : float
        Expected profit against doing nothing, within a thousandth of the most that can be had, and what is
        spent of the budget.
    frontier : list of BudgetPoint
        Ascending by budget.
    left_out : list of LeftOut
        Those that would bring most first.
    measured, clear : int
        Past campaigns that were measured, and those that sold more beyond doubt.
    last_day : datetime.date
        Of the newest sale.
    products, unread : int
        Products that were looked at, and those that were not because they are too many.
    """

    terms: PromotionTerms
    currency: str
    mondays: list[date]
    campaigns: list[PlannedCampaign]
    gain: float
    spent: float
    frontier: list[BudgetPoint]
    left_out: list[LeftOut]
    measured: int
    clear: int
    last_day: date
    products: int
    unread: int


@dataclass(frozen=True)
class _Ground:
    """What is known of the past, whatever the terms."""

    sales: StoredSales
    panel: SalesPanel
    study: PromotionStudy
    known: KnownProducts


@dataclass(frozen=True, eq=False)
class PromotionView:
    """The promotions of a store; what was worked out is remembered until sales or listings are loaded.

    Parameters
    ----------
    lists : WorkLists
        Of the store.
    """

    lists: WorkLists
    _kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict, repr=False)
    _lock: Any = field(default_factory=RLock, repr=False)

    def plan(self, terms: PromotionTerms, today: date) -> PromotionPlan | Missing:
        """Return the campaigns that earn most.

        Parameters
        ----------
        terms : PromotionTerms
            What they have to keep.
        today : datetime.date
            The first week begins on the Monday after it, and after the newest sale.

        Returns
        -------
        PromotionPlan or Missing
            What the store lacks: ``sales``, ``flags`` (where promotions ran), ``costs``, ``weeks`` (sales
            come by months) or ``campaigns``.

        Raises
        ------
        DataError
            If too little is left to measure by.
        """
        with self._lock:
            mark = self._mark()
            key = mark, terms, today
            if (mark, "ground") not in self._kept:
                self._keep((mark, "ground"), self._read())
            self._kept.move_to_end((mark, "ground"))
            ground: _Ground | Missing = self._kept[mark, "ground"]
            if isinstance(ground, Missing):
                return ground
            if key not in self._kept:
                config = CandidateConfig(terms.length, terms.campaign_cost)
                if (mark, config) not in self._kept:
                    self._keep((mark, config), candidates(ground.panel, ground.study, config))
                self._keep(key, _planned(ground, self._kept[mark, config], terms, today))
            self._kept.move_to_end(key)
            found: PromotionPlan = self._kept[key]
            return found

    def _keep(self, key: Hashable, value: Any) -> None:
        self._kept[key] = value
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def _mark(self) -> tuple[str, str, int]:
        newest = self.lists.batches(1)
        with self.lists.store.reading() as session:
            return sales_span(session).mark, market_mark(session), newest[0].batch if newest else 0

    def _read(self) -> _Ground | Missing:
        known = known_products(self.lists)
        sales = stored_sales(self.lists.store, _WEEKS_READ, most_series=_MOST_SERIES, costs=known.unit_costs)
        if sales.checked is None:
            return Missing("sales")
        if not sales.flagged:
            return Missing("flags")
        if sales.checked.sales["unit_cost"].isna().all():
            return Missing("costs")
        panel = weekly_panel(sales.checked)
        if round(panel.period_days) != 7:
            return Missing("weeks")
        if not (sales.checked.sales[FLAG] >= 0.5).any():
            return Missing("campaigns")
        return _Ground(sales, panel, measure_promotions(panel), known)


def _planned(ground: _Ground, known: list[Candidate], terms: PromotionTerms, today: date) -> PromotionPlan:
    weighed = known
    if sum(one.gain > 0 for one in known) > _MANY:
        weighed = shortlist(known, _limits(terms, 0.0))
    everything = sum(one.spent for one in known if one.gain > 0) * terms.weeks
    full = plan_calendar(weighed, _limits(terms, everything))
    budget = _rounded(full.spent / 2) if terms.budget is None else terms.budget
    terms = replace(terms, budget=budget)
    best = plan_calendar(weighed, _limits(terms, budget))
    assert ground.sales.last_day is not None
    mondays = _mondays(max(ground.sales.last_day, today), terms.weeks)
    titles = ground.known.titles
    chosen = [_campaign(one, week, mondays, titles) for week, one in best.campaigns]
    effects = [one for one in ground.study.effects if one.uplift]
    return PromotionPlan(
        terms,
        ground.panel.currency or ground.known.currency,
        mondays,
        chosen,
        best.gain,
        best.spent,
        _frontier(weighed, terms, full, best),
        _left_out(ground, known, best, terms),
        len(effects),
        sum(one.uplift.low > 0 for one in effects if one.uplift),
        ground.sales.last_day,
        ground.sales.products,
        ground.sales.left_out,
    )


def _limits(terms: PromotionTerms, budget: float) -> CalendarLimits:
    return CalendarLimits(
        terms.weeks, budget, terms.most_a_week, terms.most_of_a_category, terms.gap_weeks, _NEAR
    )


def _rounded(value: float) -> float:
    """Return a number that people would say: two digits, not below the value."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(np.ceil(value / unit) * unit)


def _mondays(after: date, weeks: int) -> list[date]:
    first = after + timedelta(days=7 - after.weekday())
    return [first + timedelta(weeks=number) for number in range(weeks)]


def _campaign(one: Candidate, week: int, mondays: list[date], titles: Mapping[str, str]) -> PlannedCampaign:
    return PlannedCampaign(
        one.sku,
        titles.get(one.sku, ""),
        one.category,
        week,
        mondays[week],
        one.length,
        one.regular_price,
        one.price,
        one.extra_units,
        one.gain,
        one.spent,
    )


def _frontier(
    known: list[Candidate], terms: PromotionTerms, full: Calendar, best: Calendar
) -> list[BudgetPoint]:
    """Return what budgets earn, from none to where more money brings nothing more."""
    assert terms.budget is not None
    found = {0.0: Calendar([], 0.0, 0.0, 0.0), full.spent: full, terms.budget: best}
    for share in np.linspace(0, 1, _POINTS + 1)[1:-1]:
        budget = _rounded(full.spent * float(share))
        if budget < full.spent and budget not in found:
            found[budget] = plan_calendar(known, _limits(terms, budget))
    return [
        BudgetPoint(budget, one.gain, one.spent, len(one.campaigns)) for budget, one in sorted(found.items())
    ]


def _left_out(
    ground: _Ground, known: list[Candidate], best: Calendar, terms: PromotionTerms
) -> list[LeftOut]:
    assert terms.budget is not None
    uplifts, refusals = _measured(ground.study)
    chosen = {one.sku for _, one in best.campaigns}
    titles = ground.known.titles
    found = []
    for one in known:
        if one.sku in chosen:
            continue
        dear = one.spent > terms.budget
        reason = "loses" if one.gain <= 0 else "over budget" if dear else "others earn more"
        found.append(
            LeftOut(
                one.sku,
                titles.get(one.sku, ""),
                reason,
                gain=one.gain,
                spent=one.spent,
                uplift=uplifts.get(one.sku),
            )
        )
    weighed = {one.sku for one in known}
    costs = ground.panel.rows.groupby("sku")["unit_cost"].max()
    for sku in sorted(set(map(str, ground.panel.rows["sku"])) - weighed):
        if sku in ground.panel.refusals:
            reason, detail = "refused", ground.panel.refusals[sku]
        elif sku in uplifts:
            reason, detail = ("no cost" if np.isnan(costs[sku]) else "no sales"), ""
        elif sku in refusals:
            reason, detail = "not measured", refusals[sku]
        else:
            reason, detail = "never promoted", ""
        found.append(LeftOut(sku, titles.get(sku, ""), reason, detail, uplift=uplifts.get(sku)))
    return sorted(found, key=lambda one: (one.gain is None, -(one.gain or 0.0), one.sku))


def _measured(study: PromotionStudy) -> tuple[dict[str, Effect], dict[str, str]]:
    """Return the newest measured campaign of each product, and the last refusal of the others."""
    uplifts: dict[str, Effect] = {}
    refusals: dict[str, str] = {}
    for one in sorted(study.effects, key=lambda effect: effect.campaign.start):
        if one.uplift:
            uplifts[one.campaign.sku] = one.uplift
        else:
            refusals[one.campaign.sku] = one.refusal
    return uplifts, refusals
