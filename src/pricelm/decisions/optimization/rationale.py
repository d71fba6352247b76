"""Reasons in words: what is proposed, and why this price."""

from __future__ import annotations

from pricelm.core.nouns import Recommendation

_SAME = 0.005


def action_of(current: float, proposed: float, *, supported: bool, stuck: bool) -> str:
    """Return what to do: raise, lower, hold, test first or review.

    Examples
    --------
    >>> action_of(4.0, 4.5, supported=True, stuck=False)
    'raise'
    """
    if stuck:
        return "review"
    if abs(proposed - current) < _SAME:
        return "hold"
    if not supported:
        return "test first"
    return "raise" if proposed > current else "lower"


def rationale_of(
    made: Recommendation, objective: str, *, unsure: bool, conflict: tuple[str, ...] = ()
) -> str:
    """Return a sentence that says why.

    Parameters
    ----------
    made : Recommendation
        The proposal with its verdicts.
    objective : str
        What is earned, in words.
    unsure : bool
        Whether no other price is sure enough to earn more.
    conflict : tuple of str, optional
        Rules that leave no price together.
    """
    broken = [one.message for one in made.verdicts if not one.satisfied]
    if made.action == "review":
        return f"no price looked at keeps {' and '.join(conflict)}; held until a rule is relaxed"
    holding = max((one for one in made.verdicts if one.bound), key=lambda one: one.cost, default=None)
    parts = [_why(made, objective, unsure=unsure)]
    if holding is not None:
        cost = f"; it costs {holding.cost:,.2f} a period" if holding.cost >= _SAME else ""
        parts.append(f"{holding.message}{cost}")
    parts += [f"soft: {one}" for one in broken[:2]]
    return "; ".join(parts)


def _why(made: Recommendation, objective: str, *, unsure: bool) -> str:
    between = f"{made.price_low:,.2f} to {made.price_high:,.2f}"
    if made.action == "hold":
        if unsure:
            return "held: no other price is sure enough to earn more"
        return f"held: it is among the prices that are nearly the best, {between}"
    change = made.proposed_price / made.current_price - 1
    words = f"{change:+.1%} earns {made.gain:,.2f} more {objective} a period; {between} is nearly as good"
    if made.gain < 0:
        words = f"{change:+.1%} because a rule asks for it, {-made.gain:,.2f} {objective} a period less"
    return f"test first: {words}" if made.action == "test first" else words
