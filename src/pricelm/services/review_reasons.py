"""What a person should look at: quotes that the model abstained from, and those that look wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pricelm.core.nouns import Quote

# An asked price beyond twice an end of the interval is no bargain any more, but a slip or another product.
_FAR = 2.0
# Members that hardly count are not asked.
_LEAST_WEIGHT = 0.1


def why_review(
    quote: Quote, weights: Mapping[str, float] | None = None, asked: float | None = None
) -> tuple[str, str] | None:
    """Return the kind and the reason for which a person should look at a quote, or None.

    A listing without anything to read is not sent to anybody: there would be nothing to look at.

    Parameters
    ----------
    quote : Quote
        What the model said.
    weights : mapping of str to float, optional
        What each member counts in the blend; without it the members are not compared.
    asked : float, optional
        The price that the listing has, if it has one.

    Returns
    -------
    tuple of str or None
        ``"abstained"`` or ``"suspicious"``, and why.

    Examples
    --------
    >>> from pricelm.core.nouns import PriceEstimate, PriceInterval
    >>> quote = Quote("", PriceEstimate(10.0, PriceInterval(8.0, 12.0, 0.9)))
    >>> why_review(quote), why_review(quote, asked=30.0)
    (None, ('suspicious', 'the price 30.00 is far above the interval 8.00 to 12.00'))
    """
    estimate = quote.estimate
    ends = estimate.interval
    if not math.isfinite(estimate.predicted_price) or not math.isfinite(ends.upper):
        return None
    if estimate.abstained:
        return "abstained", estimate.reason
    interval = f"{ends.lower:,.2f} to {ends.upper:,.2f}"
    if asked is not None and math.isfinite(asked) and asked > 0 and _is_far(asked, quote):
        side = "above" if asked > ends.upper else "below"
        return "suspicious", f"the price {asked:,.2f} is far {side} the interval {interval}"
    said = {
        name: price
        for name, price in quote.member_prices.items()
        if price > 0 and (weights or {}).get(name, 0.0) >= _LEAST_WEIGHT
    }
    if any(_is_far(price, quote) for price in said.values()):
        each = ", ".join(f"{name} {price:,.2f}" for name, price in sorted(said.items()))
        return "suspicious", f"the parts of the model disagree: {each}; the interval is {interval}"
    return None


def _is_far(price: float, quote: Quote) -> bool:
    ends = quote.estimate.interval
    return price > ends.upper * _FAR or price < ends.lower / _FAR
