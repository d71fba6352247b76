"""Which of many candidates are worth weighing against each other, for when an answer cannot wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pricelm.decisions.promotion.calendar import CalendarLimits, Candidate

_PRICES_OF_MONEY = 8


def shortlist(candidates: Sequence[Candidate], limits: CalendarLimits) -> list[Candidate]:
    """Return the candidates that the best calendars are made of, in their order.

    For each of several prices of a unit of budget, those are kept that earn most after paying it, as many
    as the calendar has room for: of a category, and of all. The best calendar of a budget is nearly always
    made of them.

    Parameters
    ----------
    candidates : sequence of Candidate
        What may run.
    limits : CalendarLimits
        Room for campaigns; the budget itself does not count here.

    Returns
    -------
    list of Candidate
        Those that gain something at some price.

    Examples
    --------
    >>> many = [Candidate(f"p{one}", "tea", 1, float(one), 10.0) for one in range(50)]
    >>> [one.sku for one in shortlist(many, CalendarLimits(weeks=2, budget=20.0, most_a_week=1))]
    ['p48', 'p49']
    """
    worth = [one for one in candidates if one.gain > 0]
    if not worth:
        return []
    gains = np.array([one.gain for one in worth])
    spent = np.array([one.spent for one in worth])
    returns = gains / np.maximum(spent, 1e-9)
    # a price above every return keeps nothing
    prices = np.concatenate([[0.0], np.quantile(returns, np.linspace(0.1, 0.98, _PRICES_OF_MONEY - 1))])
    turns = max(limits.weeks // min(one.length for one in worth), 1)
    kept: set[int] = set()
    for price in prices:
        scores = gains - price * spent
        of_category: Counter[str] = Counter()
        for at in np.argsort(-scores, kind="stable"):
            if scores[at] <= 0 or of_category.total() == limits.most_a_week * turns:
                break
            category = worth[at].category
            if of_category[category] < limits.most_of_a_category * turns:
                of_category[category] += 1
                kept.add(int(at))
    return [worth[at] for at in sorted(kept)]
