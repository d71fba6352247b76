"""What a browser does with the console, without drawing anything: forms, pages, their socket, clicks.

A page of NiceGUI holds its elements as JSON with a number for every listener; what happens there is sent
through the page's own socket, and what changes comes back through it.
"""

from __future__ import annotations

import ast
import asyncio
import html
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
import socketio  # type: ignore[import-untyped]

ROOT = "/console"
_ELEMENTS = re.compile(r"parseElements\(String\.raw`(.*?)`\)", re.DOTALL)
_QUERY = re.compile(r"^\s*query: (\{.*\}),$", re.MULTILINE)
_TOKEN = re.compile(r'name="form" value="([^"]+)"')
_FILES = re.compile(r'(?:src|href|url)(?:=|\()"(/[^"]+)"')
_SECONDS = 30.0
_ACK_SECONDS = 3.0


class ConsoleError(Exception):
    """The console did not do what a person would have expected of it."""


def page_elements(page: str) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
    """Return the elements of a page by number, and what its socket says of itself.

    Raises
    ------
    ConsoleError
        If it is no page of the framework.
    """
    elements, query = _ELEMENTS.search(page), _QUERY.search(page)
    if elements is None or query is None:
        raise ConsoleError(f"expected a page of the console, got {page[:200]!r}")
    # the framework escapes "$" and "`" besides what HTML escapes
    known = json.loads(html.unescape(elements[1]))
    # the template writes this one as Python does
    return {int(number): one for number, one in known.items()}, ast.literal_eval(query[1])


@dataclass(eq=False)
class OpenPage:
    """A page that is open: its elements, and the socket that they talk through.

    Parameters
    ----------
    elements : dict
        Number to tag, text, props, events.
    query : dict
        What the socket says of itself.
    chosen : list of str
        Products that are chosen in the table; the server asks for them.
    """

    elements: dict[int, dict[str, Any]]
    query: dict[str, Any]
    chosen: list[str] = field(default_factory=list)
    said: list[tuple[str, Any]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _socket: Any = None
    _acks: asyncio.Task[None] | None = None
    _closed: bool = False
    lost: bool = False

    async def connect(self, session: aiohttp.ClientSession, address: str) -> None:
        """Connect as the page's script does."""
        self._socket = socketio.AsyncClient(
            reconnection=False,
            http_session=session,
            handle_sigint=False,
            # browsers offer compression
            websocket_extra_options={"compress": 15},
        )
        self._socket.on("*", self._hear)
        self._socket.on("disconnect", self._gone)
        query = {**self.query, "document_id": str(uuid4()), "tab_id": str(uuid4())}
        query["implicit_handshake"] = "true"
        url = f"{address}{ROOT}/?{urlencode(query)}"
        await self._socket.connect(
            url,
            headers={"Origin": address},
            transports=["websocket"],
            socketio_path=f"{ROOT}/_nicegui_ws/socket.io",
            wait_timeout=_SECONDS,
        )
        self._acks = asyncio.create_task(self._acknowledge())

    async def close(self) -> None:
        """Leave the page."""
        self._closed = True
        if self._acks is not None:
            self._acks.cancel()
        if self._socket is not None:
            await self._socket.disconnect()

    async def _acknowledge(self) -> None:
        while not self._closed:
            await asyncio.sleep(_ACK_SECONDS)
            known = next((one["_id"] for _, one in reversed(self.said) if "_id" in one), None)
            if known is not None:
                fact = {"client_id": self.query["client_id"], "next_message_id": known + 1}
                await self._socket.emit("ack", fact)

    def _gone(self, *_: Any) -> None:
        if not self._closed:
            self.lost = True
            self._news.set()

    async def _hear(self, event: str, data: Any = None) -> None:
        told = data if isinstance(data, dict) else {}
        if event == "update":
            for number, element in told.items():
                if number == "_id":
                    continue
                if element is None:
                    self.elements.pop(int(number), None)
                else:
                    self.elements[int(number)] = element
        elif event == "run_javascript" and told.get("request_id") and not self._closed:
            result = self.chosen if "pricelmChosen" in told["code"] else None
            answer = {
                "request_id": told["request_id"],
                "client_id": self.query["client_id"],
                "result": result,
            }
            await self._socket.emit("javascript_response", answer)
        self.said.append((event, told))
        self._news.set()

    def find(self, tag: str, label: str = "") -> list[int]:
        """Return the numbers of the elements of a tag, the oldest first.

        Parameters
        ----------
        tag : str
            Part of the tag.
        label : str, default ""
            What stands on them, or names them for who cannot see them; empty for all.
        """
        return [
            number
            for number, one in sorted(self.elements.items())
            if tag in one["tag"] and (not label or label in _names(one.get("props", {})))
        ]

    def one(self, tag: str, label: str = "") -> int:
        """Return the newest of such elements.

        Raises
        ------
        ConsoleError
            If there is none.
        """
        found = self.find(tag, label)
        if not found:
            raise ConsoleError(f"expected a {tag} {label!r} on the page, found none")
        return found[-1]

    async def send(self, element: int, event: str, *args: Any) -> int:
        """Let an event happen on an element; return how much had been said before.

        Raises
        ------
        ConsoleError
            If nobody listens for it.
        """
        listeners = self.elements[element].get("events", [])
        hear = [one["listener_id"] for one in listeners if one["type"].startswith(event)]
        if not hear:
            raise ConsoleError(f"expected an element that listens for {event}")
        before = len(self.said)
        message = {
            "id": element,
            "client_id": self.query["client_id"],
            "args": [json.dumps(one) for one in args],
        }
        for listener in hear:
            await self._socket.emit("event", message | {"listener_id": listener})
        return before

    async def until(self, since: int, wanted: Callable[[str, dict[str, Any]], bool]) -> None:
        """Wait for what answers.

        Raises
        ------
        ConsoleError
            If it does not come, the connection breaks, or the page tells of something that did not work.
        """
        deadline = asyncio.get_running_loop().time() + _SECONDS
        while True:
            self._news.clear()
            for event, told in self.said[since:]:
                if event == "notify" and told.get("type") == "negative":
                    raise ConsoleError(f"the page told: {str(told.get('message'))[:200]}")
                if wanted(event, told):
                    return
            since = len(self.said)
            left = deadline - asyncio.get_running_loop().time()
            if self.lost:
                raise ConsoleError("the connection of a page broke")
            if left <= 0:
                raise ConsoleError(f"expected an answer within {_SECONDS:g} s, got none")
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                continue


class ConsoleBrowser:
    """A browser of one person, who sees one page at a time.

    Parameters
    ----------
    address : str
        ``http://host:port`` of the service.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.page: OpenPage | None = None
        jar = aiohttp.CookieJar(unsafe=True)
        self._session = aiohttp.ClientSession(
            cookie_jar=jar, auto_decompress=False, headers={"Accept-Encoding": "gzip"}
        )
        self._known_files: set[str] = set()

    async def log_in(self, name: str, password: str) -> None:
        """Fill in the form and send it.

        Raises
        ------
        ConsoleError
            If the console does not let in.
        """
        form = (await self.get("/login")).decode()
        token = _TOKEN.search(form)
        fields = {"form": token[1] if token else "", "next": "", "name": name, "password": password}
        options: dict[str, Any] = {"headers": {"Origin": self.address}, "allow_redirects": False}
        async with self._session.post(f"{self.address}{ROOT}/login", data=fields, **options) as answer:
            if answer.status != 303:
                raise ConsoleError(f"expected to be let in as {name}, got {answer.status}")

    async def open(self, path: str) -> OpenPage:
        """Leave the page that is open and open another one, with the files that were not loaded before."""
        await self.leave()
        text = (await self.get(path)).decode()
        elements, query = page_elements(text)
        for file in dict.fromkeys(_FILES.findall(text)):
            if file not in self._known_files:
                self._known_files.add(file)
                await self.get(file, raw=True)
        self.page = OpenPage(elements, query)
        await self.page.connect(self._session, self.address)
        return self.page

    async def leave(self) -> None:
        """Leave the page that is open, if there is one."""
        page, self.page = self.page, None
        if page is not None:
            await page.close()

    async def get(self, path: str, *, raw: bool = False) -> bytes:
        """Return what is at a path below the console's; with ``raw`` at any path, and packed as it came.

        Raises
        ------
        ConsoleError
            If the answer is an error, or a way elsewhere.
        """
        content, _ = await self.fetch(path if raw else f"{ROOT}{path}", unpack=not raw)
        return content

    async def fetch(self, path: str, *, unpack: bool = True) -> tuple[bytes, dict[str, str]]:
        """Return what is at a path of the service, and its headers."""
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with self._session.get(
                f"{self.address}{path}", timeout=timeout, allow_redirects=False
            ) as answer:
                content = await answer.read()
                if answer.status != 200:
                    raise ConsoleError(f"expected {path} to be there, got {answer.status}")
                headers = {name.lower(): value for name, value in answer.headers.items()}
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ConsoleError(f"expected an answer for {path}, got {type(error).__name__}") from error
        if unpack and headers.get("content-encoding") == "gzip":
            content = zlib.decompress(content, wbits=31)
        return content, headers

    async def close(self) -> None:
        """Close everything."""
        await self.leave()
        await self._session.close()


def _names(props: dict[str, Any]) -> tuple[Any, Any]:
    return props.get("label"), props.get("aria-label")


def texts(told: dict[str, Any]) -> Iterator[str]:
    """Give the texts of the elements that an update brings."""
    for number, element in told.items():
        if number == "_id" or element is None:
            continue
        if element.get("text") is not None:
            yield cast(str, element["text"])
        # what is only read comes as HTML of one element
        written = element.get("props", {}).get("innerHTML") or ""
        yield from map(html.unescape, re.findall(r">([^<]+)<", written))
