"""The registry of rule kinds: one line each; reading, documentation and tests go by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pricelm.core.errors import RuleError
from pricelm.knowledge.couplings import Family, Ladder, PackPrice
from pricelm.knowledge.endings import PriceEnding
from pricelm.knowledge.facts import Scope
from pricelm.knowledge.floors import MarginFloor, MinimumAdvertisedPrice, PriceCeiling, PriceFloor
from pricelm.knowledge.markdowns import MarkdownExit
from pricelm.knowledge.market import CompetitorPosition, KeyValueItem
from pricelm.knowledge.moves import ChangeFrequency, MaximumStep, NoTouch, PriorPrice
from pricelm.knowledge.portfolio import AverageMargin, Budget, ChangeCount, PriceIndex, TotalFloor
from pricelm.knowledge.rule import CouplingRule, PriceRule, Rule
from pricelm.knowledge.settings import nearest, read_settings, read_texts, settings_of

KINDS: dict[str, type[Rule]] = {
    rule.kind: rule
    for rule in (
        MarginFloor, PriceFloor, PriceCeiling, MinimumAdvertisedPrice,
        MaximumStep, ChangeFrequency, NoTouch, PriorPrice,
        PriceEnding,
        CompetitorPosition, KeyValueItem,
        MarkdownExit,
        Ladder, Family, PackPrice,
        Budget, AverageMargin, TotalFloor, PriceIndex, ChangeCount,
    )
}  # fmt: skip
_SHARED = ("kind", "hard", "scope", "version")


def rule_from(raw: Mapping[str, Any], where: str = "rule") -> Rule:
    """Build a rule from plain data.

    Parameters
    ----------
    raw : mapping
        ``id``, ``kind``, optional ``version``, ``priority``, ``hard``, ``penalty``, ``note``, ``scope``, and
        the settings of the kind.
    where : str
        Where it stands, for messages.

    Returns
    -------
    Rule
        Checked.

    Raises
    ------
    RuleError
        If a kind, key or value is not known; the message names the nearest one.

    Examples
    --------
    >>> rule_from({"id": "m", "kind": "margin_floor", "margin_rate": 0.2}).name
    "margin floor 'm'"
    """
    if not isinstance(raw, Mapping):
        raise RuleError(f"{where}: expected a mapping with id and kind, got {type(raw).__name__}")
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise RuleError(
            f"{where}: expected a kind of rule ({', '.join(KINDS)}), got {str(kind)[:80]!r}"
            f"{nearest(str(kind), KINDS)}"
        )
    where = f"{where} ({kind} {str(raw.get('id', ''))[:80]!r})"
    rule = KINDS[kind]
    if raw.get("version", rule.version) != rule.version:
        raise RuleError(
            f"{where}: expected version {rule.version} of the kind, got {str(raw['version'])[:40]!r}. Bring "
            "the rule up to date, or use a later pricelm"
        )
    _check_hardness(raw, where)
    own = {str(key): value for key, value in raw.items() if key not in _SHARED}
    try:
        return rule(**read_settings(rule, own, where), scope=_scope(raw.get("scope"), where))
    except RuleError as error:
        if str(error).startswith(where):
            raise
        raise RuleError(f"{where}: {error}") from error


def _check_hardness(raw: Mapping[str, Any], where: str) -> None:
    hard, penalty = raw.get("hard"), raw.get("penalty")
    if hard is not None and not isinstance(hard, bool):
        raise RuleError(f"{where}: expected hard to be true or false, got {str(hard)[:80]!r}")
    if hard is False and penalty is None:
        raise RuleError(f"{where}: expected a penalty, the cost of a unit of violation, for a soft rule")
    if hard is True and penalty is not None:
        raise RuleError(f"{where}: expected either hard: true or a penalty, got both")


def _scope(raw: Any, where: str) -> Scope:
    if raw is None:
        return Scope()
    if not isinstance(raw, Mapping):
        raise RuleError(
            f"{where}: expected scope to be a mapping such as {{brand: Acme}}, got {str(raw)[:80]!r}"
        )
    columns = raw.get("where") or {}
    known = {key: value for key, value in raw.items() if key != "where"}
    if unknown := [key for key in known if key not in settings_of(Scope)]:
        names = [*settings_of(Scope), "where"]
        raise RuleError(
            f"{where}: expected a scope by {', '.join(names)}, got {str(unknown[0])[:80]!r}"
            f"{nearest(str(unknown[0]), names) or '; other columns go below where'}"
        )
    if not isinstance(columns, Mapping):
        raise RuleError(
            f"{where}: expected where to be a mapping of column to values, got {str(columns)[:80]!r}"
        )
    try:
        chosen = {str(name): read_texts(values) for name, values in columns.items()}
    except ValueError as error:
        raise RuleError(
            f"{where}: expected where to map columns to texts, got {str(columns)[:80]!r}"
        ) from error
    return Scope(**read_settings(Scope, known, where), where=chosen)


def binds(rule: type[Rule]) -> str:
    """Say what a kind of rule binds: "each price", "prices to each other" or "a sum"."""
    if issubclass(rule, PriceRule):
        return "each price"
    return "prices to each other" if issubclass(rule, CouplingRule) else "a sum"


def describe_kind(kind: str) -> dict[str, Any]:
    """Return what a kind does, its settings and an example, for people and documentation.

    Raises
    ------
    RuleError
        If there is no such kind.

    Examples
    --------
    >>> describe_kind("budget")["settings"]["amount"]["expected"]
    'a number, 0 or more'
    """
    if kind not in KINDS:
        raise RuleError(f"expected a kind of rule ({', '.join(KINDS)}), got {kind!r}{nearest(kind, KINDS)}")
    rule = KINDS[kind]
    shared = set(settings_of(Rule))
    return {
        "kind": kind,
        "version": rule.version,
        "summary": rule.summary(),
        "binds": binds(rule),
        "settings": {
            name: {"about": one.about, "expected": one.expected}
            for name, one in settings_of(rule).items()
            if name not in shared
        },
        "example": example_of(kind),
    }


def example_of(kind: str) -> str:
    """Return a rule of a kind as YAML, ready to be pasted below ``rules:``."""
    own = KINDS[kind].example
    lines = own.strip("{}").split(", ") if own.startswith("{") else [own]
    name = kind.replace("_", "-")
    return "\n".join([f"- id: {name}", f"  kind: {kind}", *(f"  {line}" for line in lines)])
