"""Where prices go: a file, a webhook, a table of a database. Each takes a change twice as if it came once."""

from __future__ import annotations

import csv
import http.client
import io
import json
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import SplitResult, urlsplit

from pricelm.core.errors import ConfigError, DeliveryError, OutputError
from pricelm.services.outputs import cannot_write, replaced_file
from pricelm.storage.price_tables import DEFAULT_TABLE, PriceTable, shown_address
from pricelm.storage.prices import OutgoingPrice

COLUMNS = ("change_key", "sku", "price", "old_price", "currency", "batch")
KEY_HEADER = "Idempotency-Key"
_SECONDS = 20.0
_TRIES = 5
_FIRST_PAUSE_SECONDS = 0.5
_DONE = range(200, 300)
_LATER = (408, 425, 429)


class PriceTarget(Protocol):
    """A place that prices are handed over to."""

    name: str
    """What it is called in the store; without a password."""

    def __enter__(self) -> Self:
        """Get ready."""
        ...

    def __exit__(self, *ended: Any) -> None:
        """Let go."""
        ...

    def begin(self, prices: Sequence[OutgoingPrice]) -> None:
        """Be told all prices of the delivery, those that were handed over before too."""
        ...

    def hand_over(self, prices: Sequence[OutgoingPrice]) -> int:
        """Take some prices for good and return how many, in order; fewer mean that the target had enough."""
        ...


def open_target(text: str) -> PriceTarget:
    """Return the target that a text names.

    Parameters
    ----------
    text : str
        ``prices.csv`` or ``prices.jsonl``; ``https://shop.example/prices``;
        ``sqlite:///shop.db`` or ``postgresql://...``, with ``#table`` where it is not ``pricelm_prices``.

    Returns
    -------
    PriceTarget
        Not yet opened.

    Raises
    ------
    ConfigError
        If it names none.

    Examples
    --------
    >>> open_target("postgresql://shop:secret@host/db#prices").name
    'postgresql://shop:***@host/db#prices'
    """
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme in ("http", "https"):
        return WebhookTarget(text)
    if scheme:
        url, _, table = text.partition("#")
        return TableTarget(url, table or DEFAULT_TABLE)
    return FileTarget(Path(text))


class FileTarget:
    """A file of all prices of a delivery, which appears whole; written again it is the same file.

    Parameters
    ----------
    path : pathlib.Path
        ``.csv`` or ``.jsonl``, not there yet.

    Raises
    ------
    ConfigError
        If it ends otherwise.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in (".csv", ".jsonl"):
            raise ConfigError(
                f"expected a target FILE.csv, FILE.jsonl, https://..., sqlite:///... or postgresql://..., "
                f"got {str(path)[:200]!r}"
            )
        self._path = path
        self.name = str(path.resolve())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: Any) -> None:
        pass

    def begin(self, prices: Sequence[OutgoingPrice]) -> None:
        """Write the file.

        Raises
        ------
        OutputError
            If another file is there, or it cannot be written.
        """
        content = self._content(prices).encode("utf-8", errors="replace")
        try:
            if self._path.exists():
                if self._path.read_bytes() == content:
                    return
                raise OutputError(f"expected no file at {self._path}, got one of other prices: name another")
        except OSError as error:
            raise cannot_write(self._path, error) from error
        with replaced_file(self._path) as draft:
            draft.write_bytes(content)

    def hand_over(self, prices: Sequence[OutgoingPrice]) -> int:
        """Take prices that are in the file already."""
        return len(prices)

    def _content(self, prices: Sequence[OutgoingPrice]) -> str:
        rows = [price_document(one) for one in prices]
        if self._path.suffix.lower() == ".jsonl":
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


class TableTarget:
    """A table of a database; see `pricelm.storage.price_tables.PriceTable`."""

    def __init__(self, url: str, table: str) -> None:
        self._table = PriceTable(url, table)
        self._opened = ExitStack()
        self.name = f"{shown_address(url)}#{table}"

    def __enter__(self) -> Self:
        self._opened.enter_context(self._table)
        return self

    def __exit__(self, *ended: Any) -> None:
        self._opened.close()

    def begin(self, prices: Sequence[OutgoingPrice]) -> None:
        """Wait."""

    def hand_over(self, prices: Sequence[OutgoingPrice]) -> int:
        """Add the rows that are not there yet."""
        self._table.put(prices)
        return len(prices)


class WebhookTarget:
    """A web service that is sent one request a price, with the key of the change in ``Idempotency-Key``.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``; nothing is redirected.
    pause : callable, default `time.sleep`
        Waits some seconds between two tries.

    Raises
    ------
    ConfigError
        If the address is none.
    """

    def __init__(self, url: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._url = _checked_url(url)
        self._pause = pause
        self._connection: http.client.HTTPConnection | None = None
        place = f"{self._url.hostname}:{self._url.port}" if self._url.port else self._url.hostname
        self.name = f"{self._url.scheme}://{place}{self._url.path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: Any) -> None:
        self._close()

    def begin(self, prices: Sequence[OutgoingPrice]) -> None:
        """Wait."""

    def hand_over(self, prices: Sequence[OutgoingPrice]) -> int:
        """Send each price; what was sent counts even if the next one fails.

        Raises
        ------
        DeliveryError
            If the first one is refused, or five tries fail.
        """
        for number, one in enumerate(prices):
            try:
                self._send(one)
            except DeliveryError:
                if number:
                    return number
                raise
        return len(prices)

    def _send(self, price: OutgoingPrice) -> None:
        body = json.dumps(price_document(price), ensure_ascii=False).encode("utf-8", errors="replace")
        said = ""
        for attempt in range(_TRIES):
            if attempt:
                self._pause(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                status = self._post(body, price.key)
            except (OSError, http.client.HTTPException) as error:
                self._close()
                said = str(error) or type(error).__name__
                continue
            if status in _DONE:
                return
            said = f"status {status}"
            if status < 500 and status not in _LATER:
                break
        raise DeliveryError(
            f"{self.name} did not take the price of {price.sku[:80]!r} ({said}): prices that it took are "
            "marked, and the same command goes on with the rest"
        )

    def _post(self, body: bytes, key: str) -> int:
        if self._connection is None:
            self._connection = self._connect()
        path = self._url.path or "/"
        if self._url.query:
            path = f"{path}?{self._url.query}"
        headers = {"Content-Type": "application/json", KEY_HEADER: key}
        self._connection.request("POST", path, body, headers)
        answer = self._connection.getresponse()
        # what it says is not needed, and an endless answer is not read
        if len(answer.read(65_536)) == 65_536:
            self._close()
        return answer.status

    def _connect(self) -> http.client.HTTPConnection:
        host, port = str(self._url.hostname), self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def price_document(price: OutgoingPrice) -> dict[str, Any]:
    """Return a price change as the outside world is told it."""
    return {
        "change_key": price.key,
        "sku": price.sku,
        "price": float(price.new_price),
        "old_price": float(price.old_price),
        "currency": price.currency,
        "batch": price.batch,
    }


def _checked_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if (
            parts.hostname
            and parts.port != 0
            and parts.username is None
            and url.isprintable()
            and " " not in url
        ):
            return parts
    except ValueError:
        pass
    raise ConfigError(
        "expected a webhook such as https://shop.example/prices, without a password, got another"
    )
