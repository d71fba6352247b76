"""Expected profit: what other prices earn a period against leaving them as they are, risk left aside."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pricelm.services.planning import PlanInputs, demand_of


def expected_gains(inputs: PlanInputs, prices: Mapping[str, float]) -> dict[str, float]:
    """Return the expected profit at each price minus that at the present one, a period, in currency.

    Parameters
    ----------
    inputs : PlanInputs
        What the plan was made from.
    prices : mapping of str to float
        A price a product.

    Returns
    -------
    dict of str to float
        Of the products whose cost and demand are known. Empty where products take sales from each other:
        then the gain of one price is not its own.
    """
    facts = inputs.facts
    skus = [sku for sku in prices if sku in facts.positions]
    if inputs.cross or not skus or "unit_cost" not in facts.frame.columns:
        return {}
    at = np.array([facts.positions[sku] for sku in skus])
    now, then = facts.price[at], np.array([prices[sku] for sku in skus])
    cost = facts.numbers("unit_cost", "the profit")[at]
    units = demand_of(facts).take(at).units(np.column_stack([now, then]))
    gains = (then - cost) * units[:, 1] - (now - cost) * units[:, 0]
    return {sku: float(gain) for sku, gain in zip(skus, gains, strict=True) if np.isfinite(gain)}
