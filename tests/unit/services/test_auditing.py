"""Nobody changes the audit log unseen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from pricelm.core.errors import ConfigError
from pricelm.services.auditing import check_chain, show_audit, verify_audit
from pricelm.storage.audit import GENESIS, AuditEntry, LogEnd, entry_hash, write_audit
from pricelm.storage.database import open_store

FIELDS = ("entry", "at", "actor", "action", "subject", "details", "previous", "sha256")


def chain(length: int) -> list[dict[str, Any]]:
    """Return the fields of a sound log."""
    rows, previous = [], GENESIS
    for number in range(1, length + 1):
        row = {
            "entry": number, "at": datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=number),
            "actor": f"actor {number % 3}", "action": "did", "subject": f"batch {number}",
            "details": f'{{"n":{number}}}', "previous": previous, "sha256": "",
        }  # fmt: skip
        row["sha256"] = previous = entry_hash(AuditEntry(**row))
        rows.append(row)
    return rows


def is_sound(rows: list[dict[str, Any]], anchor: LogEnd | None) -> bool:
    return check_chain((AuditEntry(**row) for row in rows), anchor).ok


def end_of(rows: list[dict[str, Any]]) -> LogEnd:
    return LogEnd(len(rows), rows[-1]["sha256"] if rows else GENESIS)


@given(st.integers(0, 30))
def test_a_sound_log_is_sound(length: int) -> None:
    rows = chain(length)
    assert is_sound(rows, end_of(rows))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(length=st.integers(1, 12), data=st.data())
def test_any_change_of_any_field_is_found(length: int, data: st.DataObject) -> None:
    rows = chain(length)
    anchor = end_of(rows)
    place = data.draw(st.integers(0, length - 1))
    field = data.draw(st.sampled_from(FIELDS))
    before = rows[place][field]
    if field == "entry":
        after: Any = data.draw(st.integers(-3, 40))
    elif field == "at":
        after = before + timedelta(microseconds=data.draw(st.integers(-(10**9), 10**9)))
    else:
        spot = data.draw(st.integers(0, len(before)))
        after = (
            before[:spot]
            + data.draw(st.text("0aZ茶\n", max_size=3))
            + before[spot + data.draw(st.integers(0, 2)) :]
        )
    rows[place][field] = after
    if data.draw(st.booleans()):
        # whoever knows how gives the entry the hash that fits it; the next one, or the anchor, still tells
        rows[place]["sha256"] = entry_hash(AuditEntry(**rows[place]))
    assert is_sound(rows, anchor) == (rows == chain(length))


@given(length=st.integers(2, 12), data=st.data())
def test_any_deletion_insertion_and_reordering_is_found(length: int, data: st.DataObject) -> None:
    rows = chain(length)
    anchor = end_of(rows)
    order = data.draw(st.lists(st.integers(0, length - 1), max_size=length + 2))
    changed = [dict(rows[place]) for place in order]
    assert is_sound(changed, anchor) == (order == list(range(length)))
    # numbered anew, it is found all the same
    for number, row in enumerate(changed, start=1):
        row["entry"] = number
    assert is_sound(changed, anchor) == (order == list(range(length)))


def test_a_log_written_anew_as_a_whole_is_found_by_what_was_kept_elsewhere() -> None:
    rows = chain(5)
    known = end_of(chain(3))
    assert check_chain((AuditEntry(**row) for row in rows), end_of(rows), known).ok
    previous = GENESIS
    for row in rows:
        row.update(actor="nobody", previous=previous)
        row["sha256"] = previous = entry_hash(AuditEntry(**row))
    assert is_sound(rows, end_of(rows))
    assert not check_chain((AuditEntry(**row) for row in rows), end_of(rows), known).ok
    short = rows[:2]
    assert not check_chain((AuditEntry(**row) for row in short), end_of(short), known).ok


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("update audit set details = '{\"price\":1}' where entry = 2", "entry 2 is not what was written"),
        ("delete from audit where entry = 2", "expected entry 2, got 3"),
        ("delete from audit where entry = 3", "expected 3 entries by the anchor, got 2"),
        ("delete from audit_anchor", "anchor is gone"),
    ],
)
def test_a_change_of_the_tables_is_found(store_url: str, change: str, words: str) -> None:
    store = open_store(store_url)
    with store.writing() as session:
        for number in range(3):
            write_audit(session, "ann", "did", f"batch {number}", {"price": 4.2, "名": "茶"})
    assert verify_audit(store_url).ok
    with store.writing() as session:
        if store.kind == "sqlite":
            session.execute(text("drop trigger audit_no_update"))
            session.execute(text("drop trigger audit_no_delete"))
        else:
            session.execute(text("alter table audit disable trigger all"))
        session.execute(text(change.replace(":1", "\\:1")))
    store.close()
    report = verify_audit(store_url)
    assert not report.ok and words in " ".join(report.problems)


def test_the_log_is_shown_by_actor_and_subject(store_url: str) -> None:
    store = open_store(store_url)
    with store.writing() as session:
        for number in range(4):
            write_audit(session, "ann" if number % 2 else "ben", "did", f"batch {number // 2}", {"n": number})
    store.close()
    assert [one.details["n"] for one in show_audit(store_url)] == [3, 2, 1, 0]
    assert [one.details["n"] for one in show_audit(store_url, actor="ann", subject="batch 0")] == [1]
    with pytest.raises(ConfigError, match="COUNT:HASH"):
        verify_audit(store_url, "3:abc")
