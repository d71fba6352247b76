"""The audit log: read it, and find out whether anybody changed it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pricelm.core.errors import ConfigError
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.audit import (
    GENESIS,
    AuditEntry,
    LogEnd,
    all_entries,
    entry_hash,
    latest_entries,
    read_log_end,
)

_MOST_PROBLEMS = 20
_END = re.compile(r"(\d{1,15}):([0-9a-f]{64})")


@dataclass(frozen=True)
class AuditRecord:
    """One thing that somebody did.

    Parameters
    ----------
    entry : int
        Its number, from 1.
    at : datetime.datetime
        When.
    actor, action, subject : str
        Who did what to which thing.
    details : dict
        What belongs to it.
    sha256 : str
        Hash over all of it and the entry before.
    """

    entry: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    sha256: str


@dataclass(frozen=True)
class AuditReport:
    """What checking the log showed.

    Parameters
    ----------
    entries : int
        Entries that were read.
    end : str
        Length and last hash as ``COUNT:HASH``, to be kept elsewhere.
    problems : list of str
        What is wrong, the first twenty; empty where all is well.
    """

    entries: int
    end: str
    problems: list[str]

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.problems


def verify_audit(place: StorePlace, known_end: str | None = None) -> AuditReport:
    """Check every entry of the log, their order, and how it ends.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    known_end : str, optional
        What an earlier check gave as ``end``: the log must still hold that entry. Somebody who can write to
        the database could write all of it anew; against a hash that is kept elsewhere even that shows.

    Returns
    -------
    AuditReport
        What was found.

    Raises
    ------
    ConfigError
        If ``known_end`` is no ``COUNT:HASH``.

    Examples
    --------
    >>> verify_audit("sqlite://").ok
    True
    """
    known = _parsed_end(known_end)
    with opened_store(place) as store, store.reading() as session:
        return check_chain(all_entries(session), read_log_end(session), known)


def check_chain(
    entries: Iterable[AuditEntry], anchor: LogEnd | None, known: LogEnd | None = None
) -> AuditReport:
    """Check entries in the order that they were read in.

    Parameters
    ----------
    entries : iterable of AuditEntry
        The log.
    anchor : LogEnd or None
        What the store says of its length and end.
    known : LogEnd, optional
        Length and end at an earlier time.

    Returns
    -------
    AuditReport
        What was found.
    """
    problems: list[str] = []
    number, previous, at_known = 0, GENESIS, GENESIS
    for row in entries:
        number += 1
        if row.entry != number:
            problems.append(f"expected entry {number}, got {row.entry}: some are gone or out of order")
            number = row.entry
        if row.previous != previous:
            problems.append(f"entry {row.entry} does not follow the one before: one of them was changed")
        if row.sha256 != entry_hash(row):
            problems.append(f"entry {row.entry} is not what was written")
        previous = row.sha256
        if known is not None and number == known.entries:
            at_known = previous
    if anchor is None:
        problems.append("the anchor is gone, so that nobody knows how long the log was")
    elif (anchor.entries, anchor.sha256) != (number, previous):
        problems.append(f"expected {anchor.entries} entries by the anchor, got {number}, or another end")
    if known is not None and at_known != known.sha256:
        problems.append(f"entry {known.entries} is not the one that was known: the log was written anew")
    return AuditReport(number, f"{number}:{previous}", problems[:_MOST_PROBLEMS])


def show_audit(
    place: StorePlace, limit: int = 50, *, actor: str | None = None, subject: str | None = None
) -> list[AuditRecord]:
    """Return the newest entries, newest first.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    limit : int, default 50
        Most entries.
    actor, subject : str, optional
        Only what this person did, or what was done to this thing, for example ``"batch 7"``.

    Returns
    -------
    list of AuditRecord
        The entries.
    """
    with opened_store(place) as store, store.reading() as session:
        return [_record(row) for row in latest_entries(session, limit, actor=actor, subject=subject)]


def _record(row: AuditEntry) -> AuditRecord:
    try:
        details = json.loads(row.details)
    except ValueError:
        details = {"unreadable": row.details}
    return AuditRecord(row.entry, row.at, row.actor, row.action, row.subject, details, row.sha256)


def _parsed_end(text: str | None) -> LogEnd | None:
    if text is None:
        return None
    found = _END.fullmatch(text.strip())
    if not found:
        raise ConfigError(f"expected COUNT:HASH as an earlier check gave it, got {text[:80]!r}")
    return LogEnd(int(found[1]), found[2])
