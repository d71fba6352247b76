"""Files of rules: YAML from anybody, read safely and checked to the last key."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pricelm.core.errors import LimitError, PricelmError, ReadError, RuleError
from pricelm.knowledge.kinds import rule_from
from pricelm.knowledge.rule import CouplingRule, PortfolioRule, PriceRule, Rule
from pricelm.knowledge.settings import nearest

SCHEMA = 1
MAX_BYTES = 2_000_000
MAX_RULES = 2_000
MAX_DEPTH = 12
_KEYS = ("version", "currency", "rules")


@dataclass(frozen=True)
class RuleBook:
    """Checked rules that are applied together.

    Parameters
    ----------
    rules : tuple of Rule
        In the order of the file.
    currency : str, default ""
        ISO 4217 code that amounts are in, or ``""``.

    Raises
    ------
    RuleError
        If two rules share an id.

    Examples
    --------
    >>> [rule.kind for rule in RuleBook((rule_from({"id": "b", "kind": "budget", "amount": 9}),))]
    ['budget']
    """

    rules: tuple[Rule, ...] = ()
    currency: str = ""

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.id in seen:
                raise RuleError(f"expected every rule to have an id of its own, got {rule.id!r} twice")
            seen.add(rule.id)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    @property
    def price_rules(self) -> list[PriceRule]:
        """Rules on each price."""
        return [rule for rule in self.rules if isinstance(rule, PriceRule)]

    @property
    def coupling_rules(self) -> list[CouplingRule]:
        """Rules between prices."""
        return [rule for rule in self.rules if isinstance(rule, CouplingRule)]

    @property
    def portfolio_rules(self) -> list[PortfolioRule]:
        """Rules on sums."""
        return [rule for rule in self.rules if isinstance(rule, PortfolioRule)]

    def without(self, *ids: str) -> RuleBook:
        """Return the rules but some."""
        return RuleBook(tuple(rule for rule in self.rules if rule.id not in ids), self.currency)

    def in_currency(self, currency: str) -> RuleBook:
        """Return the rules for prices in a currency.

        Raises
        ------
        RuleError
            If the rules are in another one.
        """
        if self.currency and currency and self.currency != currency:
            raise RuleError(
                f"expected prices in {self.currency}, the currency of the rules, got {currency}. Convert one "
                "of them; amounts of two currencies cannot be compared"
            )
        return RuleBook(self.rules, self.currency or currency)


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, which YAML would silently overwrite."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        keys = [getattr(key, "value", None) for key, _ in node.value]
        twice = [key for place, key in enumerate(keys) if key in keys[:place]]
        if twice:
            raise RuleError(
                f"line {node.start_mark.line + 1}: expected every key once, got {twice[0]!r} twice"
            )
        return super().construct_mapping(node, deep=True)


def load_rules(path: str | Path) -> RuleBook:
    """Read a file of rules.

    Parameters
    ----------
    path : str or pathlib.Path
        YAML with ``version: 1``, an optional ``currency`` and a list ``rules``.

    Returns
    -------
    RuleBook
        Every rule checked.

    Raises
    ------
    ReadError
        If the file cannot be read or is no YAML.
    LimitError
        If it is too large, too deep, or uses YAML's references.
    RuleError
        If a kind, key or value is wrong; the message says which and the nearest right one.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise ReadError(
                f"{path}: expected a YAML file of rules, and there is no such file. Check the path"
            )
        if path.stat().st_size > MAX_BYTES:
            raise LimitError(
                f"{path}: expected at most {MAX_BYTES:,} bytes of rules, got more. Split the file"
            )
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ReadError(f"{path}: expected YAML in UTF-8, got other bytes. Save it as UTF-8") from error
    except OSError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror}). Check the permissions") from error
    return parse_rules(text, str(path))


def parse_rules(text: str, source: str = "rules") -> RuleBook:
    """Read rules from YAML text; see :func:`load_rules`.

    Examples
    --------
    >>> book = parse_rules("version: 1\\nrules:\\n- {id: m, kind: margin_floor, margin_rate: 0.2}")
    >>> len(book), book.rules[0].hard
    (1, True)
    """
    document = _document(text, source)
    if not isinstance(document, dict):
        raise RuleError(f"{source}: expected a mapping with version and rules, got {type(document).__name__}")
    for key in document:
        if key not in _KEYS:
            raise RuleError(
                f"{source}: expected the keys {', '.join(_KEYS)}, got {str(key)[:80]!r}"
                f"{nearest(str(key), _KEYS)}"
            )
    if document.get("version") != SCHEMA or isinstance(document.get("version"), bool):
        raise RuleError(f"{source}: expected version: {SCHEMA}, got {str(document.get('version'))[:80]!r}")
    raw = document.get("rules")
    if not isinstance(raw, list):
        raise RuleError(f"{source}: expected a list below rules:, got {type(raw).__name__}")
    if len(raw) > MAX_RULES:
        raise LimitError(
            f"{source}: expected at most {MAX_RULES:,} rules, got {len(raw):,}. Widen their scopes"
        )
    currency = document.get("currency") or ""
    if not isinstance(currency, str) or (currency and not (len(currency) == 3 and currency.isalpha())):
        raise RuleError(f"{source}: expected a currency such as EUR, got {str(currency)[:80]!r}")
    rules = tuple(rule_from(one, f"{source}, rule {place}") for place, one in enumerate(raw, start=1))
    return RuleBook(rules, currency.upper())


def _document(text: str, source: str) -> Any:
    try:
        _check_shape(text, source)
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())[:300]
        raise ReadError(f"{source}: expected YAML, but {said}. Correct the file") from error
    except RuleError as error:
        raise RuleError(f"{source}: {error}") from error
    except PricelmError:
        raise
    except (ValueError, RecursionError, TypeError) as error:
        raise ReadError(f"{source}: expected YAML, but a value cannot be read ({error})") from error


def _check_shape(text: str, source: str) -> None:
    """Refuse what makes a small file huge: references and deep nesting. Nothing is built here."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise LimitError(
                f"{source}: expected rules written out, got a YAML reference (& or *). Repeat the text"
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise LimitError(f"{source}: expected at most {MAX_DEPTH} levels of nesting, got more")
