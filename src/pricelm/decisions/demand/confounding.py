"""The confounding badge: how far an elasticity moves once what moved price and demand is allowed for."""

from __future__ import annotations

import numpy as np

from pricelm.decisions.demand.ladder import OwnEstimate
from pricelm.decisions.demand.records import Badge, Confounding

# two-sided 10 % and 1 % of a normal distribution
_SOME, _STRONG = 1.645, 2.576
_EVIDENCE = {
    "instruments": "only price moves that follow the unit cost count (first-stage F {f:.0f}); it holds as "
    "long as costs do not move with demand",
    "double machine learning": "season, promotions, rivals and what is fixed in a store were taken out; "
    "causes that are not in the data were not",
    "fixed-effects Poisson": "what is fixed in a store, season and promotions were held constant; causes "
    "that are not in the data were not",
}


def confounding_badge(naive: float, naive_error: float, own: OwnEstimate) -> Confounding:
    """Compare the naive elasticity with the product's own adjusted one.

    The standard error of the difference treats the two as independent, which overstates it as a rule: a
    sign is given rather too seldom than too often.

    Parameters
    ----------
    naive, naive_error : float
        Elasticity when only the price is looked at, and its standard error; may be NaN.
    own : OwnEstimate
        The product's own estimate, before shrinkage.

    Returns
    -------
    Confounding
        Badge, both numbers, their distance in standard errors, and what the adjustment rests on.

    Examples
    --------
    >>> own = OwnEstimate("instruments", "", -2.0, 0.2, first_stage_f=40.0)
    >>> confounding_badge(-0.5, 0.1, own).badge
    'strong sign of confounding'
    """
    known_naive = float(naive) if np.isfinite(naive) else None
    if own.rung not in _EVIDENCE or known_naive is None or not naive_error + own.error > 0:
        return Confounding("not tested", known_naive, evidence="the product's own sales allow no adjustment")
    z = float((naive - own.elasticity) / np.hypot(naive_error, own.error))
    badge: Badge = "no sign of confounding"
    if abs(z) >= _SOME:
        badge = "strong sign of confounding" if abs(z) >= _STRONG else "some sign of confounding"
    evidence = _EVIDENCE[own.rung].format(f=own.first_stage_f or 0.0)
    return Confounding(badge, known_naive, own.elasticity, z, evidence)
