"""Migrations: a database of any earlier pricelm becomes one of today.

Alembic keeps the scripts in ``versions/`` in order. They run in the transaction of the caller, under
a lock, so that ten services that start together migrate once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from pricelm.core.errors import StoreError

_FOLDER = Path(__file__).parent
# any number does, as long as nothing else of this database takes the same one
_POSTGRES_LOCK = 7_742_356_001


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the tables to the form of today, or of an earlier pricelm.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Inside a transaction.
    revision : str, default "head"
        The form; a backup is restored in its own and then brought to that of today.

    Raises
    ------
    StoreError
        If the database was written by a later pricelm.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
    scripts = _scripts()

    def upgrade(present: Any, context: MigrationContext) -> Any:
        return scripts._upgrade_revs(revision, present)

    context = MigrationContext.configure(connection, opts={"fn": upgrade, "script": scripts})
    try:
        with Operations.context(context):
            context.run_migrations()
    except CommandError as error:
        raise StoreError(f"the store was written by a later pricelm ({error}): update pricelm") from error


def revisions() -> list[str]:
    """Return the forms that the tables have had, oldest first.

    Examples
    --------
    >>> revisions()[0]
    '0001'
    """
    return [script.revision for script in _scripts().walk_revisions()][::-1]


def present_revision(connection: Connection) -> str:
    """Return the form that the tables of a database have, empty where there are none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(_FOLDER, version_locations=[_FOLDER / "versions"])
