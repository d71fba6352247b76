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


def migrate(connection: Connection) -> None:
    """Bring the tables to the form of today.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Inside a transaction.

    Raises
    ------
    StoreError
        If the database was written by a later pricelm.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
    scripts = ScriptDirectory(_FOLDER, version_locations=[_FOLDER / "versions"])

    def upgrade(revision: Any, context: MigrationContext) -> Any:
        return scripts._upgrade_revs("head", revision)

    context = MigrationContext.configure(connection, opts={"fn": upgrade, "script": scripts})
    try:
        with Operations.context(context):
            context.run_migrations()
    except CommandError as error:
        raise StoreError(f"the store was written by a later pricelm ({error}): update pricelm") from error
