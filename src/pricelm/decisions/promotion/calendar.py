"""Which campaigns to run in which weeks: an integer programme under a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from pricelm.core.errors import ConfigError, DataError, LimitError

_MOST_CHOICES = 200_000


@dataclass(frozen=True)
class Candidate:
    """A campaign that might run.

    Parameters
    ----------
    sku, category : str
        The product.
    length : int
        Weeks.
    gain : float
        Expected profit that it brings, less what it costs, in currency.
    spent : float
        What it takes of the budget: discounts and its own cost.
    price : float
        Promoted price.
    extra_units : float
        Units sold on top.
    regular_price : float
        Price without the campaign.
    """

    sku: str
    category: str
    length: int
    gain: float
    spent: float
    price: float = 0.0
    extra_units: float = 0.0
    regular_price: float = 0.0


@dataclass(frozen=True)
class CalendarLimits:
    """What the calendar has to keep.

    Parameters
    ----------
    weeks : int
        Weeks to plan.
    budget : float
        Most that all campaigns may spend, in currency.
    most_a_week : int, default 5
        Campaigns that run at once.
    most_of_a_category : int, default 1
        Of one category at once: they take sales from each other.
    gap_weeks : int, default 4
        Weeks between two campaigns of a product.
    tolerance : float, default 1e-7
        Share of the gain that may be missing for the answer to be taken as the best.

    Raises
    ------
    ConfigError
        If a number makes no sense.
    """

    weeks: int
    budget: float
    most_a_week: int = 5
    most_of_a_category: int = 1
    gap_weeks: int = 4
    tolerance: float = 1e-7

    def __post_init__(self) -> None:
        counts = (self.weeks, self.most_a_week, self.most_of_a_category)
        if min(counts) < 1 or self.gap_weeks < 0 or not (np.isfinite(self.budget) and self.budget >= 0):
            raise ConfigError(
                f"expected weeks and limits of 1 or more, a gap and a budget of 0 or more, got {self}"
            )


@dataclass(frozen=True)
class Calendar:
    """The campaigns that earn most within the limits.

    Parameters
    ----------
    campaigns : list of tuple of int and Candidate
        First week (from 0) and the campaign.
    gain, spent : float
        Of all together, in currency.
    bound : float
        No calendar gains more.
    """

    campaigns: list[tuple[int, Candidate]]
    gain: float
    spent: float
    bound: float


def plan_calendar(candidates: Sequence[Candidate], limits: CalendarLimits) -> Calendar:
    """Choose campaigns and their weeks.

    Parameters
    ----------
    candidates : sequence of Candidate
        What may run; each may run several times, with the gap between. Those that gain nothing are left out.
    limits : CalendarLimits
        Budget and limits.

    Returns
    -------
    Calendar
        The best one; empty where no campaign gains.

    Raises
    ------
    DataError
        If a gain or cost is not finite, or no plan is found.
    LimitError
        If there are more than 200,000 choices.

    Examples
    --------
    >>> tea, mug = Candidate("tea", "drinks", 1, 50.0, 20.0), Candidate("mug", "home", 1, 30.0, 20.0)
    >>> found = plan_calendar([tea, mug], CalendarLimits(weeks=2, budget=25.0))
    >>> [(week, one.sku) for week, one in found.campaigns], found.gain
    ([(0, 'tea')], 50.0)
    """
    numbers = np.array([(one.gain, one.spent) for one in candidates], dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(numbers).all() or (numbers[:, 1:] < 0).any():
        raise DataError("expected candidates of finite gain and a cost of 0 or more")
    choices = [
        (week, one)
        for one in candidates
        if one.gain > 0 and one.spent <= limits.budget
        for week in range(limits.weeks - one.length + 1)
    ]
    if not choices:
        return Calendar([], 0.0, 0.0, 0.0)
    if len(choices) > _MOST_CHOICES:
        raise LimitError(
            f"expected at most {_MOST_CHOICES:,} choices, got {len(choices):,}. Plan fewer weeks"
        )
    gains = np.array([one.gain for _, one in choices])
    # a hair for early weeks: of equal plans always the same one comes out
    early = 1e-9 * gains.max() * np.array([week for week, _ in choices])
    matrix, upper = _limits(choices, limits)
    solved = optimize.milp(
        -(gains - early),
        integrality=np.ones(len(choices)),
        bounds=optimize.Bounds(0, 1),
        constraints=optimize.LinearConstraint(matrix, -np.inf, upper),
        options={"time_limit": 60.0, "mip_rel_gap": limits.tolerance},
    )
    if solved.x is None:
        raise DataError(f"no calendar was found within a minute ({solved.message}). Plan fewer weeks")
    chosen = [choices[at] for at in np.flatnonzero(solved.x > 0.5)]
    chosen.sort(key=lambda pair: (pair[0], pair[1].sku))
    gain, spent = (sum(getattr(one, name) for _, one in chosen) for name in ("gain", "spent"))
    return Calendar(chosen, float(gain), float(spent), max(float(-solved.mip_dual_bound), float(gain)))


def _limits(
    choices: Sequence[tuple[int, Candidate]], limits: CalendarLimits
) -> tuple[sparse.csr_matrix, np.ndarray]:
    rows: dict[tuple[str, str, int], int] = {("budget", "", 0): 0}
    upper = [limits.budget]
    at_row, at_choice, values = [], [], []
    most = {"week": limits.most_a_week, "category": limits.most_of_a_category, "product": 1}
    for choice, (week, one) in enumerate(choices):
        at_row.append(0)
        at_choice.append(choice)
        values.append(one.spent)
        spans = [("week", "", one.length), ("category", one.category, one.length)]
        for kind, name, length in (*spans, ("product", one.sku, one.length + limits.gap_weeks)):
            for covered in range(week, week + length):
                key = (kind, name, covered)
                if key not in rows:
                    rows[key] = len(upper)
                    upper.append(float(most[kind]))
                at_row.append(rows[key])
                at_choice.append(choice)
                values.append(1.0)
    shape = (len(upper), len(choices))
    return sparse.csr_matrix((values, (at_row, at_choice)), shape=shape), np.array(upper)
