"""Editing: another price in place of a proposed one, of one product or of many, within the hard rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.knowledge.endings import PriceEnding
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule_files import RuleBook
from pricelm.knowledge.verdicts import judge_prices
from pricelm.services.approving import (
    DecisionRequest,
    Decisions,
    check_reason,
    is_big_move,
    take_decision,
)
from pricelm.services.planning import PlanInputs, demand_of
from pricelm.services.recorded_inputs import recorded_inputs
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.base import to_amount
from pricelm.storage.batches import Batch, RecommendationRow
from pricelm.storage.worklists import recommendation_values

_LARGEST_CHANGE = 10.0


@dataclass(frozen=True)
class PriceEdit:
    """The price that is wanted: an amount for every product named, or a change from each present price.

    Parameters
    ----------
    amount : Decimal or float, optional
        A price above zero.
    change : float, optional
        A share of the present price, such as -0.05; the price takes the nearest ending that rules allow.

    Raises
    ------
    ConfigError
        If not exactly one is given, or it is no price.

    Examples
    --------
    >>> PriceEdit(change=0.1).target(20.0)
    22.0
    """

    amount: Decimal | float | None = None
    change: float | None = None

    def __post_init__(self) -> None:
        if (self.amount is None) == (self.change is None):
            raise ConfigError("expected either a price or a change in percent")
        if self.amount is not None and not to_amount(self.amount) > 0:
            raise ConfigError(f"expected a price above 0, got {self.amount}")
        if self.change is not None and not -1 < self.change <= _LARGEST_CHANGE:
            raise ConfigError(f"expected a change above -100% and up to +1000%, got {self.change:+.0%}")

    def target(self, current: float) -> float:
        """Return the price that is asked for, before endings."""
        if self.change is None:
            assert self.amount is not None
            return float(self.amount)
        return round(current * (1 + self.change), 2)


def edit(
    place: StorePlace, request: DecisionRequest, wanted: PriceEdit, inputs: PlanInputs | None = None
) -> Decisions:
    """Put other prices in place of the proposed ones; a reason is needed.

    A small move is approved with that; a big one waits for another person. A price that breaks a hard rule of
    the plan is refused, and the product left as it was.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    request : DecisionRequest
        Which products, by whom.
    wanted : PriceEdit
        The price or the change.
    inputs : PlanInputs, optional
        What the plan was made from, where the caller has it at hand; else it is read.

    Returns
    -------
    Decisions
        What was edited, and what was left as it was and why.

    Raises
    ------
    ConfigError
        If no product is named, or there is no such plan.
    NotAllowedError
        If the caller is no approver.
    """
    check_reason(request.reason)
    if request.skus is None:
        raise ConfigError("expected the products whose price is edited, got none: name them")
    with opened_store(place) as store:
        with store.reading() as session:
            standing = {
                one.sku: (
                    float(one.current_price),
                    float(one.proposed_price if one.decided_price is None else one.decided_price),
                )
                for one in recommendation_values(session, request.batch)
            }
        if inputs is None:
            inputs, _ = recorded_inputs(store, request.batch)
        prices = {sku: wanted.target(standing[sku][0]) for sku in request.skus if sku in standing}
        broken: dict[str, str] = {}
        if inputs is not None:
            check = _RuleCheck(inputs)
            if wanted.change is not None:
                prices = check.well_ended(prices)
            broken = check.broken({sku: price for sku, (_, price) in standing.items()} | prices, list(prices))

        def step(_: Batch, row: RecommendationRow) -> str:
            if row.sku in broken:
                return broken[row.sku]
            amount = to_amount(prices[row.sku])
            row.decided_price, row.edited_by = amount, request.caller.name[:120]
            row.state = "open" if is_big_move(row, amount, request.four_eyes_share) else "approved"
            return ""

        return take_decision(store, request, "edit", step)


class _RuleCheck:
    """The rules of a plan, asked about prices that people want."""

    def __init__(self, inputs: PlanInputs) -> None:
        self._facts = inputs.facts
        self._demand = demand_of(inputs.facts)
        book = inputs.book.in_currency(inputs.facts.currency)
        self._prices = RuleBook(tuple(rule for rule in book.price_rules if rule.hard), book.currency)
        self._couplings = RuleBook(tuple(rule for rule in book.coupling_rules if rule.hard), book.currency)

    def well_ended(self, prices: Mapping[str, float]) -> dict[str, float]:
        """Return the nearest prices that end as the rules ask."""
        skus = [sku for sku in prices if sku in self._facts.positions]
        if not skus:
            return dict(prices)
        facts = self._part(skus)
        found = np.array([prices[sku] for sku in skus])
        for rule in self._prices:
            if isinstance(rule, PriceEnding):
                up, down = rule.rounded(found, up=True), rule.rounded(found, up=False)
                nearest = np.where((down > 0) & (found - down < up - found), down, up)
                found = np.where(facts.selected(rule.scope, rule.name), nearest, found)
        return dict(prices) | {sku: float(price) for sku, price in zip(skus, found, strict=True)}

    def broken(self, prices: Mapping[str, float], asked: Sequence[str]) -> dict[str, str]:
        """Return which of the products asked about would break a hard rule, and how."""
        skus = [sku for sku in asked if sku in self._facts.positions]
        if not skus:
            return {}
        at = np.array([self._facts.positions[sku] for sku in skus])
        wanted = np.array([prices[sku] for sku in skus])
        units = self._demand.take(at).units(wanted[:, None])[:, 0]
        judged = judge_prices(self._prices, self._part(skus), wanted, units)
        if len(self._couplings):
            # what binds prices to each other is judged with all other prices of the plan as they stand
            now = [prices.get(sku, price) for sku, price in self._standing()]
            together = judge_prices(self._couplings, self._facts, np.array(now))
            judged = [[*own, *together[row]] for own, row in zip(judged, at, strict=True)]
        found = {}
        for sku, verdicts in zip(skus, judged, strict=True):
            against = [one.message for one in verdicts if not one.satisfied]
            if against:
                found[sku] = "; ".join(against)
        return found

    def _part(self, skus: Sequence[str]) -> ProductFacts:
        return self._facts.take(np.array([self._facts.positions[sku] for sku in skus]))

    def _standing(self) -> list[tuple[str, float]]:
        return [
            (str(sku), float(price)) for sku, price in zip(self._facts.skus, self._facts.price, strict=True)
        ]
