"""Reasons in the language of the visitor: why a price is proposed or looked at, what rules say about one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pricelm.core.nouns import Verdict
from pricelm.services.rule_limits import RuleLimit
from pricelm.web.console.formats import amount, share
from pricelm.web.console.words import Words, read_words

_SAME = 0.005
_WHY_REVIEW = (
    "review.why.far_above", "review.why.far_below", "review.why.disagree", "review.why.too_wide",
    "review.why.far",
)  # fmt: skip


def reason(row: Mapping[str, Any], currency: str, words: Words, *, brief: bool = False) -> str:
    """Return why a price is proposed.

    Parameters
    ----------
    row : mapping
        A row of a `pricelm.services.worklist.WorkList`.
    currency : str
        Of its prices.
    words : Words
        The language.
    brief : bool, default False
        Leave out the change and the gain, for a place that shows them already.
    """
    if row["action"] == "review":
        rules = words("list.separator").join(rule_name(one, words) for one in row["broken"])
        return words("why.review", rules=rules) if rules else words("why.review.all")
    proposal = _proposal(row, currency, words, brief=brief)
    parts = [proposal] if proposal else []
    holding = row["holding"]
    if holding is not None:
        cost = holding.get("cost") or 0.0
        name = rule_name(holding, words)
        key = "why.holding.cost" if cost >= _SAME else "why.holding"
        parts.append(words(key, rule=name, cost=amount(cost, currency, words)))
    parts += [words("why.soft", rule=rule_name(one, words)) for one in row["broken"][:2]]
    return words("why.separator").join(parts) or words("why.best")


def _proposal(row: Mapping[str, Any], currency: str, words: Words, *, brief: bool) -> str:
    low, high = (amount(row[end], currency, words) for end in ("low", "high"))
    if row["action"] == "hold":
        return words("why.hold", low=low, high=high) if low != high else words("why.hold.unsure")
    gain = row["gain"] or 0.0
    parts = [words("why.range", low=low, high=high)] if low != high else []
    if gain < 0 or not brief:
        key = "why.move" if gain >= 0 else "why.asked"
        parts.insert(0, words(key, change=share(row["change"]), gain=amount(abs(gain), currency, words)))
    said = words("why.separator").join(parts)
    return words("why.test", what=said) if row["action"] == "test first" and not brief else said


def rule_name(verdict: Mapping[str, Any], words: Words) -> str:
    """Return the kind and the id of a rule as people read them."""
    kind = words.or_as_it_is(f"kind.{verdict['kind']}", str(verdict["kind"]).replace("_", " "))
    return words("rule.name", kind=kind, rule=verdict["rule_id"])


def verdict_text(verdict: Verdict, limit: RuleLimit | None, currency: str, words: Words) -> str:
    """Return what a rule makes of a price, and what it asks; a rule between prices keeps its own words."""
    if limit is None:
        return verdict.message
    state = "bound" if verdict.bound else "kept" if verdict.satisfied else "broken"
    name = rule_name({"kind": verdict.kind, "rule_id": verdict.rule_id}, words)
    endings = words("list.separator").join(f"{ending:.2f}" for ending in limit.endings)
    asked = words(
        f"asked.{limit.form}" if limit.form != "sold" or limit.day else "asked.sold.own",
        low=amount(limit.low, currency, words, exact=True),
        high=amount(limit.high, currency, words, exact=True),
        endings=endings,
        share=f"{limit.share:.0%}",
        day=limit.day,
    )
    return words(f"verdict.{state}.text", rule=name, asked=asked)


def review_reason(stored: str, words: Words) -> str:
    """Return why somebody should look at a listing: the store keeps it in English, whoever asks.

    Parameters
    ----------
    stored : str
        The reason of a `pricelm.services.review_queue.ReviewRecord`.
    words : Words
        The language.

    Returns
    -------
    str
        The same reason; a sentence that the console does not know stays as it is.

    Examples
    --------
    >>> review_reason("the price is far from what the text says", read_words("zh"))
    '价格与文字描述相差甚远'
    """
    english = read_words("en")
    for key in _WHY_REVIEW:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(english(key)))
        found = re.fullmatch(pattern, stored)
        if found:
            return words(key, **found.groupdict())
    return stored
