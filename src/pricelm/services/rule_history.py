"""The rules in force: checked, put in force, and every text that was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pricelm.core.errors import ConfigError
from pricelm.knowledge.rule_files import parse_rules
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.documents import get_document
from pricelm.storage.rule_versions import RuleVersion, all_rule_versions, latest_rules, put_rules


@dataclass(frozen=True)
class RuleRecord:
    """A text of rules that was put in force: its number, how many rules, by whom, when, and why."""

    version: int
    rules: int
    actor: str
    at: datetime
    note: str
    sha256: str


def put_rules_in_force(place: StorePlace, text: str, actor: str, note: str = "") -> RuleRecord:
    """Check rules and put them in force; an earlier text comes back by being put in force again.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    text : str
        YAML of the rules.
    actor : str
        Who does this.
    note : str, default ""
        Why.

    Returns
    -------
    RuleRecord
        The new version, or the present one if the text is the same.

    Raises
    ------
    RuleError
        If a rule is wrong.
    """
    count = len(parse_rules(text))
    with opened_store(place) as store, store.writing() as session:
        return _record(put_rules(session, text, count, actor, note))


def rules_in_force(place: StorePlace) -> str | None:
    """Return the text of the rules in force, or None before the first ones."""
    with opened_store(place) as store, store.reading() as session:
        latest = latest_rules(session)
        return None if latest is None else get_document(session, latest.document)


def rule_versions(place: StorePlace, limit: int = 100) -> list[RuleRecord]:
    """Return the versions, newest first."""
    with opened_store(place) as store, store.reading() as session:
        return [_record(row) for row in all_rule_versions(session, limit)]


def rules_of_version(place: StorePlace, version: int) -> str:
    """Return the text of one version.

    Raises
    ------
    ConfigError
        If there is none of this number.
    """
    with opened_store(place) as store, store.reading() as session:
        row = session.get(RuleVersion, version)
        if row is None:
            raise ConfigError(f"expected the number of a version of the rules, got {version}")
        return get_document(session, row.document)


def _record(row: RuleVersion) -> RuleRecord:
    return RuleRecord(row.version, row.rules, row.actor, row.at, row.note, row.document)
