"""The door: every request of the console passes it, and nothing passes that is not on the list.

It knows who asks by the cookie, what they may have by the list of pages, and whether a request comes from the
console's own pages by its origin. It also gives every answer its security headers.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

from nicegui import Client
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pricelm.services.console_sessions import SessionBook, Visit
from pricelm.services.service_keys import Role
from pricelm.web.console.login import COOKIE, LOGIN, Login
from pricelm.web.console.registry import AccessList
from pricelm.web.console.words import preferred_language

THEME_COOKIE = "pricelm_theme"
_FRAMEWORK = "/_nicegui/"
_ICON = "/favicon.ico"
_SOCKET = "/_nicegui_ws/"
_CLIENT_FILES = "/_nicegui/client/"
_FORBIDDEN = 4403
# NiceGUI compiles the templates of its components in the browser, which is what 'unsafe-eval' is for, and
# its widgets carry style attributes. Scripts come from this server or carry the nonce of the answer.
_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
visiting: contextvars.ContextVar[tuple[Visit, bool | None]] = contextvars.ContextVar("visiting")
"""Who asks, and whether they want it dark, while a page is built."""


class Door:
    """Wraps the application of the pages.

    Parameters
    ----------
    app : ASGI application
        The pages.
    sessions : SessionBook
        Who is logged in.
    access : AccessList
        Which role a path needs.
    login : Login
        The log-in page.
    """

    def __init__(self, app: ASGIApp, sessions: SessionBook, access: AccessList, login: Login) -> None:
        self._app, self._sessions, self._access, self._login = app, sessions, access, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            return
        request = _Request(scope)
        visit = await asyncio.to_thread(self._sessions.find, request.secret) if request.secret else None
        if visit is not None and not visit.language:
            accepted = request.headers.get("accept-language", "")
            visit = dataclasses.replace(visit, language=preferred_language(accepted))
        if scope["type"] == "websocket":
            await self._connect(request, visit, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope["route"] = _Route(request.route)
        guarded = _Headers(send, nonce)
        if request.path == LOGIN:
            response = await self._login.answer(request, receive, nonce)
            await response(scope, receive, guarded)
            return
        refusal = self._refusal(request, visit, nonce)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        assert visit is not None
        facts = scope.get("pricelm.facts")
        if facts is not None:
            facts["caller"] = visit.caller.name
        token = visiting.set((visit, request.dark))
        try:
            # a copy: what the framework calls its routes would give every upload a line in the metrics
            await self._app({**scope}, receive, guarded)
        finally:
            visiting.reset(token)

    def _refusal(self, request: _Request, visit: Visit | None, nonce: str) -> Response | None:
        """Return the answer to whoever may not have this, or None."""
        is_read = request.method in ("GET", "HEAD")
        if visit is None:
            if not is_read or request.path.startswith(_FRAMEWORK):
                return PlainTextResponse("log in first", 401)
            later = quote(request.path, safe="/") if request.path != "/" else ""
            return RedirectResponse(f"{request.root}{LOGIN}{f'?next={later}' if later else ''}", 303)
        if request.path.startswith(_FRAMEWORK):
            return self._framework_refusal(request, visit, is_read)
        role = Role.viewer if request.path == _ICON else self._access.role_for(request.path)
        if role is None:
            return self._login.page_of_state("missing", visit, request, nonce, 404)
        if not is_read:
            return PlainTextResponse("this can only be read", 405)
        if visit.caller.role < role:
            return self._login.page_of_state("forbidden", visit, request, nonce, 403, role=role.name)
        return None

    def _framework_refusal(self, request: _Request, visit: Visit, is_read: bool) -> Response | None:
        if not request.path.startswith(_CLIENT_FILES):
            return None if is_read else PlainTextResponse("this can only be read", 405)
        client = request.path.removeprefix(_CLIENT_FILES).partition("/")[0]
        if not _belongs(client, visit) or not (is_read or request.is_from_here):
            return PlainTextResponse("this belongs to somebody else", 403)
        return None

    async def _connect(self, request: _Request, visit: Visit | None, receive: Receive, send: Send) -> None:
        """Let a page's own connection in, if the page was made for the one who asks."""
        client = parse_qs(request.query).get("client_id", [""])[0]
        is_socket = request.path.startswith(_SOCKET)
        if visit is None or not is_socket or not request.is_from_here or not _belongs(client, visit):
            await receive()
            await send({"type": "websocket.close", "code": _FORBIDDEN})
            return
        await self._app(request.scope, receive, send)


class _Request:
    """What the door reads of a request."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.headers = Headers(scope=scope)
        self.root: str = scope.get("root_path", "")
        self.path: str = scope["path"].removeprefix(self.root) or "/"
        self.method: str = scope.get("method", "GET")
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        self.cookies = _cookies(self.headers.get("cookie", ""))
        self.secret = self.cookies.get(COOKIE, "")

    @property
    def dark(self) -> bool | None:
        """Whether dark is wanted; None lets the browser say."""
        return {"dark": True, "light": False}.get(self.cookies.get(THEME_COOKIE, ""))

    @property
    def is_from_here(self) -> bool:
        """Whether a page of this server sent it: browsers say where a request comes from."""
        origin = self.headers.get("origin", "")
        return bool(origin) and urlsplit(origin).netloc == self.headers.get("host", "")

    @property
    def route(self) -> str:
        """What the log and the metrics call it: no product and no connection has a line of its own."""
        if self.path.startswith((_FRAMEWORK, _SOCKET)):
            return f"{self.root}/_nicegui"
        return f"{self.root}/{self.path.strip('/').partition('/')[0]}"


class _Route:
    """What the gate reads the name of a route from."""

    def __init__(self, path: str) -> None:
        self.path = path


class _Headers:
    """Gives an answer its security headers, and its scripts their nonce."""

    def __init__(self, send: Send, nonce: str) -> None:
        self._send, self._nonce = send, nonce
        self._start: Message | None = None
        self._parts: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers["Content-Security-Policy"] = _POLICY.format(nonce=self._nonce)
            if headers.get("x-nicegui-content") == "page":
                self._start = message
                return
        elif self._start is not None:
            self._parts.append(message.get("body", b""))
            if message.get("more_body", False):
                return
            # the framework escapes every "<" of what a page shows: what is left are its own scripts
            body = b"".join(self._parts).replace(b"<script", b'<script nonce="' + self._nonce.encode() + b'"')
            MutableHeaders(scope=self._start)["content-length"] = str(len(body))
            await self._send(self._start)
            message, self._start = {"type": "http.response.body", "body": body}, None
        await self._send(message)


def _belongs(client_id: str, visit: Visit) -> bool:
    client = Client.instances.get(client_id)
    return client is not None and client.storage.get("session") == visit.session


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(header).items()}
    except CookieError:
        return {}
