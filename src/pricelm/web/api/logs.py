"""Structured logs: one JSON object a line, without texts of listings and without secrets.

A log that cannot be written, on a full disk for example, never stops the service: what is lost is
counted.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

FIELDS = (
    "request_id", "method", "route", "status", "seconds", "listings", "caller", "version", "reason",
    "error", "frames", "address", "workers", "action", "subject", "entry",
)  # fmt: skip
"""What a line may have beside time, level and event."""


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        return json.dumps(_document(record), ensure_ascii=True, default=str)


class PlainLines(logging.Formatter):
    """Writes a record for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, two where there is an error to look into."""
        document = _document(record)
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        if document["event"] == "request":
            seconds = float(document.get("seconds", 0))
            parts = [
                f"{document.get('method')} {document.get('route')} {document.get('status')}",
                f"{seconds * 1000:.1f} ms",
                *([_counted(document["listings"])] if "listings" in document else []),
                *(f"{document[name]}" for name in ("caller", "reason") if name in document),
            ]
            return f"{time}  {'  '.join(parts)}"
        rest = "  ".join(f"{name} {document[name]}" for name in FIELDS if name in document)
        return f"{time}  {document['event']}  {rest}".rstrip()


def _counted(listings: int) -> str:
    return f"{listings:,} listing{'' if listings == 1 else 's'}"


class CarefulHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream that may fail.

    Parameters
    ----------
    stream : file-like
        Where to write.
    on_failure : callable
        Told every time a line is lost.
    """

    def __init__(self, stream: TextIO, on_failure: Callable[[], None]) -> None:
        super().__init__(stream)
        self._on_failure = on_failure

    def handleError(self, record: logging.LogRecord) -> None:
        """Count the lost line; to complain about it would need the same stream."""
        self._on_failure()


def configure_logs(form: str, on_failure: Callable[[], None], stream: TextIO | None = None) -> None:
    """Send pricelm's and the server's records to one stream.

    Parameters
    ----------
    form : {"auto", "json", "text"}
        ``auto`` is text in a terminal and JSON elsewhere.
    on_failure : callable
        Told every time a line is lost.
    stream : file-like, optional
        Where to, by default stderr.
    """
    stream = stream or sys.stderr
    handler = CarefulHandler(stream, on_failure)
    plain = form == "text" or (form == "auto" and stream.isatty())
    handler.setFormatter(PlainLines() if plain else JsonLines())
    for name, level in (
        ("pricelm", logging.INFO),
        ("uvicorn", logging.WARNING),
        ("asyncio", logging.WARNING),
    ):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
    # of what the server tells at this level one thing matters: a worker was killed, for its memory perhaps
    supervisor = logging.getLogger("uvicorn.error")
    supervisor.setLevel(logging.INFO)
    supervisor.filters = [_worth_a_line]


def _worth_a_line(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.getMessage().startswith("Child process")


def code_frames(error: BaseException) -> list[str]:
    """Return where an error came from, without its message, which may quote a listing.

    Examples
    --------
    >>> try:
    ...     int("secret")
    ... except ValueError as error:
    ...     "secret" in " ".join(code_frames(error))
    False
    """
    return [
        f"{frame.name} ({frame.filename}:{frame.lineno})"
        for frame in traceback.extract_tb(error.__traceback__)
    ][-8:]


def _document(record: logging.LogRecord) -> dict[str, Any]:
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    document: dict[str, Any] = {"time": time, "level": record.levelname.lower(), "event": record.getMessage()}
    document |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        document |= {"error": type(error).__name__, "frames": code_frames(error)}
    return document
