"""Nothing is lost: earlier forms, two writers, a killed writer, a full disk."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import MetaData, insert, select, text, types

from pricelm.core.errors import StoreError
from pricelm.storage import audit, documents
from pricelm.storage.database import Store, connected, open_engine, open_store
from pricelm.storage.migrations import migrate, present_revision, revisions
from tests.store_samples import child_command

SAMPLES: list[tuple[Any, Any]] = [
    (types.DateTime, datetime(2026, 3, 1, 12)),
    (types.Date, date(2026, 3, 1)),
    (types.LargeBinary, b"\x00content"),
    (types.Boolean, True),
    (types.Float, 0.5),
    (types.Integer, 1),
    (types.String, "{}"),
]


def sample_of(column: Any) -> Any:
    """Return a value that a column of this kind can hold."""
    return next(value for kind, value in SAMPLES if isinstance(column.type, kind))


@pytest.mark.parametrize("revision", revisions())
def test_every_earlier_form_becomes_that_of_today_with_its_rows(url: str, revision: str) -> None:
    engine = open_engine(url)
    with connected(engine) as connection:
        migrate(connection, revision)
        earlier = MetaData()
        earlier.reflect(connection)
        earlier.remove(earlier.tables["alembic_version"])
        rows = {}
        for table in earlier.sorted_tables:
            if table.name != "audit_anchor":
                connection.execute(insert(table), {one.name: sample_of(one) for one in table.columns})
            rows[table.name] = connection.execute(select(table)).mappings().all()
        assert "api_keys" in rows and all(len(kept) == 1 for kept in rows.values())
    engine.dispose()
    store = open_store(url)
    with store.connection() as connection:
        assert present_revision(connection) == revisions()[-1]
        for name, kept in rows.items():
            found = connection.execute(select(earlier.tables[name])).mappings().all()
            assert [dict(row) for row in found] == [dict(row) for row in kept]
    store.close()


def test_two_writers_lose_nothing_and_tear_nothing(url: str) -> None:
    failures: list[BaseException] = []
    open_store(url).close()

    def write(name: str) -> None:
        try:
            mine = open_store(url)
            for number in range(15):
                with mine.writing() as session:
                    audit.write_audit(session, name, "count", "thing", {"number": number})
            mine.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = open_store(url)
    with store.reading() as session:
        entries = list(audit.all_entries(session))
    store.close()
    assert [one.entry for one in entries] == list(range(1, 31))
    for name in "ab":
        own = [one.details for one in entries if one.actor == name]
        assert own == [f'{{"number":{number}}}' for number in range(15)]


KILLED = """
import os, signal, sys
from pricelm.storage.audit import write_audit
from pricelm.storage.database import open_store
store = open_store(sys.argv[1])
with store.writing() as session:
    write_audit(session, "kept", "before", "thing")
with store.writing() as session:
    for number in range(200):
        write_audit(session, "lost", "middle", "thing", {"number": number})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_what_was_committed_and_nothing_else(url: str) -> None:
    died = subprocess.run(child_command(KILLED, url), capture_output=True, timeout=60)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    store = open_store(url)
    with store.writing() as session:
        assert [one.actor for one in audit.all_entries(session)] == ["kept"]
        assert audit.write_audit(session, "next", "after", "thing") == 2
    store.close()


def test_a_full_disk_is_said_and_what_was_there_stays(store: Store, url: str) -> None:
    """A process that may not write large files is answered as one with a full disk."""
    with store.writing() as session:
        kept = documents.put_document(session, "note", "kept")
    with pytest.raises(StoreError, match="space"), store.writing() as session:
        # a file of PostgreSQL's own log, which is made at once, has 16 MB
        most = (20 if store.kind == "postgresql" else 2) << 20
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if store.kind == "postgresql":
            session.execute(text(f"copy (select 1) to program 'prlimit --pid $PPID --fsize={most}'"))
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            for _ in range(16):
                documents.put_document(session, "large", os.urandom(most // 6).hex())
                session.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
    store.close()
    again = open_store(url)
    with again.writing() as session:
        assert documents.get_document(session, kept) == "kept"
        count = select(documents.Document.kind)
        assert list(session.scalars(count)) == ["note"]
        documents.put_document(session, "note", "more")
    again.close()


def test_a_changed_document_is_noticed(store: Store) -> None:
    with store.writing() as session:
        key = documents.put_document(session, "note", "the price is 4")
        assert documents.put_document(session, "note", "the price is 4") == key
        assert documents.get_document(session, key) == "the price is 4"
        session.execute(text("update documents set content = :other"), {"other": b"forged"})
        session.expire_all()
        with pytest.raises(StoreError, match="changed"):
            documents.get_document(session, key)
        with pytest.raises(StoreError, match="gone"):
            documents.get_document(session, "0" * 64)


def test_the_database_itself_keeps_the_audit_log(store: Store, url: str) -> None:
    with store.writing() as session:
        audit.write_audit(session, "ann", "did", "thing")
    for change in ("update audit set actor = 'eve'", "delete from audit"):
        with pytest.raises(Exception, match="only grows"), store.writing() as session:
            session.execute(text(change))
