"""What rules ask of one product, as numbers that each language puts into words of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pricelm.knowledge.endings import PriceEnding
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.markdowns import MarkdownExit
from pricelm.knowledge.moves import PriorPrice
from pricelm.knowledge.rule import PriceRule


@dataclass(frozen=True)
class RuleLimit:
    """What a rule asks of a price.

    Parameters
    ----------
    form : str
        ``"between"``, ``"exactly"``, ``"at_most"``, ``"at_least"``, ``"none"``, ``"ending"``, ``"cut"`` (at
        most ``high`` or at least ``low``) or ``"sold"`` (a share of the stock by a day).
    low, high : float
        Prices, where the form has them.
    endings : tuple of float
        Of ``"ending"``.
    share, day : float, str
        Of ``"sold"``; the day is empty where each product has its own.
    """

    form: str
    low: float = 0.0
    high: float = math.inf
    endings: tuple[float, ...] = ()
    share: float = 0.0
    day: str = ""


def limit_of(rule: PriceRule, facts: ProductFacts) -> RuleLimit:
    """Return what a rule asks of a single product.

    Parameters
    ----------
    rule : PriceRule
        The rule.
    facts : ProductFacts
        One product.

    Examples
    --------
    >>> import pandas as pd
    >>> from pricelm.knowledge.floors import PriceFloor
    >>> limit_of(PriceFloor(id="f", amount=3.0), ProductFacts(pd.DataFrame({"sku": ["a"], "price": [4.0]})))
    RuleLimit(form='at_least', low=3.0, high=inf, endings=(), share=0.0, day='')
    """
    if isinstance(rule, PriceEnding):
        return RuleLimit("ending", endings=rule.endings)
    if isinstance(rule, MarkdownExit):
        day = rule.exit_date.isoformat() if rule.exit_date else ""
        return RuleLimit("sold", share=rule.sell_through, day=day)
    if isinstance(rule, PriorPrice):
        return RuleLimit("cut", float(facts.price[0]), float(rule.landmarks(facts)[0][0]))
    low, high = (float(end[0]) for end in rule.bounds(facts))
    if math.isclose(low, high):
        return RuleLimit("exactly", low, high)
    if math.isfinite(high):
        return RuleLimit("between" if low > 0 else "at_most", low, high)
    return RuleLimit("at_least" if low > 0 else "none", low, high)
