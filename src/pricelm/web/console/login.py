"""The way in: a log-in page without any script, and plain pages for what somebody may not see."""

from __future__ import annotations

import asyncio
import hmac
import html
import logging
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, quote, urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive

from pricelm.services.console_sessions import SessionBook, Visit
from pricelm.services.console_users import LoginResult
from pricelm.web.console.words import Words, preferred_language, read_words

_LOG = logging.getLogger("pricelm.console")
COOKIE = "pricelm_session"
LOGIN = "/login"
ELSEWHERE = "/login/elsewhere"
RETURN = "/login/return"
PLACES = (LOGIN, ELSEWHERE, RETURN)
"""What is answered without a session."""
_FORM_COOKIE = "pricelm_form"
WAY_COOKIE = "pricelm_way"
_MOST_BYTES = 4_096
_MOST_NEXT = 500
_HASHES_AT_ONCE = 2
_WITHIN = re.compile(r"/[A-Za-z0-9._~%/-]*")
_STYLE = (Path(__file__).parent / "login.css").read_text(encoding="utf-8")
_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>{title} · pricelm</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><meta name="robots" content="noindex">
<style nonce="{nonce}">{style}</style></head><body><main>{body}</main></body></html>"""
_HEAD = "<h1>pricelm</h1><p>{about}</p>"
_FORM = """<form method="post" action="{action}">
<input type="hidden" name="form" value="{token}"><input type="hidden" name="next" value="{next}">
<label for="name">{name}</label>
<input id="name" name="name" autocomplete="username" value="{typed}" required maxlength="100" {first}>
<label for="password">{password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required
maxlength="200" {then}>
<button type="submit">{button}</button></form>"""
_OTHER = '<p class="other"><a class="button" href="{address}">{text}</a></p>'


class Elsewhere(Protocol):
    """A log-in through another service."""

    is_secure: bool
    """Whether browsers reach this service through TLS."""

    async def begin(self, later: str) -> tuple[str, str] | None:
        """Begin one; return where to send the browser and the secret for its cookie, or None."""
        ...

    async def finish(self, request: Any) -> tuple[LoginResult, str]:
        """Return who came back, or why not, and where they wanted to go."""
        ...


class Login:
    """Answers the log-in page, and what is shown instead of a page.

    Parameters
    ----------
    check : callable
        Takes a name and a password and returns a `LoginResult`; slow on purpose.
    sessions : SessionBook
        Where sessions begin.
    note : str, default ""
        Shown below the form: how to come into a demo.
    elsewhere : Elsewhere, optional
        The way through another log-in service.
    has_passwords : bool, default True
        Whether a password lets anybody in.
    """

    def __init__(
        self,
        check: Callable[[str, str], LoginResult],
        sessions: SessionBook,
        note: str = "",
        *,
        elsewhere: Elsewhere | None = None,
        has_passwords: bool = True,
    ) -> None:
        self._check, self._sessions, self._note = check, sessions, note
        self._elsewhere, self._has_passwords = elsewhere, has_passwords
        # each hash takes 19 MB and a core: more at once would let strangers keep the service busy
        self._turn = asyncio.Semaphore(_HASHES_AT_ONCE)

    async def answer(self, request: Any, receive: Receive, nonce: str) -> Response:
        """Answer GET with the form, and POST with a session or the form again."""
        words = read_words(preferred_language(request.headers.get("accept-language", "")))
        if request.path != LOGIN:
            return await self._answer_elsewhere(request, words, nonce)
        if request.method in ("GET", "HEAD"):
            later = parse_qs(request.query).get("next", [""])[0]
            return self._form(request, words, nonce, later=later)
        if request.method != "POST" or not self._has_passwords:
            return self._form(request, words, nonce, status=405)
        given = await _read_form(receive)
        token = request.cookies.get(_FORM_COOKIE, "")
        # the form carries what the cookie carries, and the browser says that it comes from here
        if not (token and hmac.compare_digest(token, given.get("form", "")) and request.is_from_here):
            _LOG.info("log-in refused", extra={"reason": "form" if request.is_from_here else "origin"})
            return self._form(request, words, nonce, problem="login.again", status=403)
        name, later = given.get("name", ""), given.get("next", "")
        async with self._turn:
            result = await asyncio.to_thread(self._check, name, given.get("password", ""))
        if result.user is None:
            # not the name: people type their password there too
            _LOG.info("log-in refused", extra={"reason": result.why})
            problem = f"login.{result.why}"
            return self._form(request, words, nonce, problem=problem, typed=name, later=later, status=401)
        # who came through TLS gets a cookie that goes through TLS only; the service itself speaks plain HTTP
        secure = urlsplit(request.headers.get("origin", "")).scheme == "https"
        return await self._let_in(request, result.user, later, secure)

    async def _answer_elsewhere(self, request: Any, words: Words, nonce: str) -> Response:
        """Send somebody to the other log-in service, or let in who comes back from there."""
        way = self._elsewhere
        if way is None or request.method != "GET":
            return self._form(request, words, nonce, status=404 if way is None else 405)
        if request.path == ELSEWHERE:
            begun = await way.begin(parse_qs(request.query).get("next", [""])[0][:_MOST_NEXT])
            if begun is None:
                return self._form(request, words, nonce, problem="login.down", status=503)
            response = RedirectResponse(begun[0], 303, {"Cache-Control": "no-store"})
            _set_cookie(response, WAY_COOKIE, begun[1], f"{request.root}{RETURN}", way.is_secure)
            return response
        result, later = await way.finish(request)
        if result.user is None:
            status = 503 if result.why == "down" else 403
            answer = self._form(
                request, words, nonce, problem=f"login.{result.why}", later=later, status=status
            )
        else:
            answer = await self._let_in(request, result.user, later, way.is_secure)
        path = f"{request.root}{RETURN}"
        answer.delete_cookie(WAY_COOKIE, path, secure=way.is_secure, httponly=True)
        return answer

    async def _let_in(self, request: Any, user: int, later: str, secure: bool) -> Response:
        secret = await asyncio.to_thread(self._sessions.begin, user)
        inside = later if _WITHIN.fullmatch(later) and not later.startswith("//") else "/"
        response = RedirectResponse(f"{request.root}{inside}", 303, {"Cache-Control": "no-store"})
        _set_cookie(response, COOKIE, secret, request.root or "/", secure)
        return response

    def page_of_state(
        self, state: str, visit: Visit, request: Any, nonce: str, status: int, **values: str
    ) -> Response:
        """Return a plain page that says why there is nothing to see, with the way back."""
        words = read_words(visit.language)
        body = (
            f"<h1>{html.escape(words(f'state.{state}.title'))}</h1>"
            f"<p>{html.escape(words(f'state.{state}.text', **values))}</p>"
            f'<p><a href="{html.escape(request.root)}/">{html.escape(words("state.back"))}</a></p>'
        )
        return _page(words, words(f"state.{state}.title"), body, nonce, status)

    def _form(
        self,
        request: Any,
        words: Words,
        nonce: str,
        *,
        problem: str = "",
        typed: str = "",
        later: str = "",
        status: int = 200,
    ) -> Response:
        token = secrets.token_urlsafe(24)
        later = later[:_MOST_NEXT]
        parts = [_HEAD.format(about=html.escape(words("login.about")))]
        if problem:
            parts.append(f'<p class="problem" role="alert">{html.escape(words(problem))}</p>')
        if self._has_passwords:
            parts.append(
                _FORM.format(
                    action=html.escape(f"{request.root}{LOGIN}"),
                    token=token,
                    next=html.escape(later),
                    name=html.escape(words("login.name")),
                    typed=html.escape(typed[:100]),
                    first="" if typed else "autofocus",
                    then="autofocus" if typed else "",
                    password=html.escape(words("login.password")),
                    button=html.escape(words("login.button")),
                )
            )
        if self._elsewhere is not None:
            address = f"{request.root}{ELSEWHERE}{f'?next={quote(later)}' if later else ''}"
            text = html.escape(words("login.elsewhere"))
            parts.append(_OTHER.format(address=html.escape(address), text=text))
        if self._note:
            parts.append(f'<p class="note">{html.escape(self._note)}</p>')
        response = _page(words, words("login.button"), "".join(parts), nonce, status)
        secure = urlsplit(request.headers.get("origin", "")).scheme == "https"
        _set_cookie(response, _FORM_COOKIE, token, request.root or "/", secure)
        return response


def _page(words: Words, title: str, body: str, nonce: str, status: int) -> HTMLResponse:
    lang = {"zh": "zh-CN"}.get(words.language, words.language)
    text = _PAGE.format(lang=lang, title=html.escape(title), nonce=nonce, style=_STYLE, body=body)
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})


def _set_cookie(response: Response, name: str, value: str, path: str, secure: bool) -> None:
    response.set_cookie(name, value, path=path, httponly=True, samesite="lax", secure=secure)


async def _read_form(receive: Receive) -> dict[str, str]:
    """Return the fields of a short form; a longer one is none."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _MOST_BYTES:
            return {}
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    fields = parse_qs(body.decode("utf-8", errors="replace"), keep_blank_values=True, max_num_fields=8)
    return {name: values[0] for name, values in fields.items()}
