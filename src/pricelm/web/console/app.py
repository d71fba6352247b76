"""The console as an application of its own, mounted beside the API."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.middleware.gzip import GZipMiddleware
from nicegui import Client, ui
from nicegui import app as framework
from nicegui.language import Language
from starlette.types import ASGIApp, Receive, Scope, Send

from pricelm.services.bootstrap import Service
from pricelm.services.console_sessions import SessionBook
from pricelm.services.console_users import LoginResult, check_login
from pricelm.services.oidc_users import admit_identity
from pricelm.services.promotion_view import PromotionView
from pricelm.services.service_settings import ServiceSettings
from pricelm.services.stock_view import StockView
from pricelm.services.worklist import WorkLists
from pricelm.web.api.app import CONSOLE
from pricelm.web.api.logs import code_frames
from pricelm.web.console.door import Door, visiting
from pricelm.web.console.frame import framed
from pricelm.web.console.login import RETURN, Elsewhere, Login
from pricelm.web.console.registry import ConsoleData, ConsolePage, access_list, all_data, all_pages
from pricelm.web.console.visitor import Parts, Visitor
from pricelm.web.console.words import read_words

_LANGUAGES: dict[str, Language] = {"en": "en-US", "zh": "zh-CN"}
_BRAND = {"primary": "#0b5cad", "positive": "#17683f", "negative": "#a4161a"}
_GZIP_FROM_BYTES = 1_000
# the highest level takes three times as long for a tenth less, and everybody waits meanwhile
_GZIP_LEVEL = 5
_BUILD_SECONDS = 20.0


class Console:
    """The pages; one a process, since the framework keeps its own application once a process.

    Parameters
    ----------
    settings : ServiceSettings
        What is set.
    note : str, default ""
        Shown on the log-in page.
    """

    def __init__(self, settings: ServiceSettings, note: str = "") -> None:
        self._settings, self._note = settings, note
        self._door: ASGIApp | None = None
        self._parts: Parts | None = None
        self._inner = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        for one in all_pages():
            _Page(one.path, response_timeout=_BUILD_SECONDS)(self._builder(one))
        for data in all_data():
            framework.get(data.path, include_in_schema=False)(self._answerer(data))
        framework.config.quasar_config["brand"].update(_BRAND)
        framework.config.socket_io_js_transports = ["websocket"]
        ui.run_with(
            self._inner,
            title="pricelm",
            favicon=Path(__file__).parent / "favicon.svg",
            dark=None,
            tailwind=False,
            gzip_middleware_factory=None,
            reconnect_timeout=20.0,
            binding_refresh_interval=None,
            show_welcome_message=False,
        )
        framework.on_exception(_log_defect)

    @contextlib.asynccontextmanager
    async def running(self, service: Service) -> AsyncIterator[None]:
        """Serve the pages of a service until the block ends."""
        sessions, lists = SessionBook(service.store), WorkLists(service.store)
        self._parts = Parts(
            self._settings,
            sessions,
            lists,
            service.registry,
            service.models,
            service.pricing,
            service.recorder,
            PromotionView(lists),
            StockView(lists),
        )
        login = Login(
            partial(check_login, service.store),
            sessions,
            self._note,
            elsewhere=other_login(self._settings, partial(admit_identity, service.store)),
            has_passwords=self._settings.password_login == "on",  # noqa: S105
        )
        door = Door(self._inner, sessions, access_list(), login)
        self._door = GZipMiddleware(door, minimum_size=_GZIP_FROM_BYTES, compresslevel=_GZIP_LEVEL)
        async with self._inner.router.lifespan_context(self._inner):
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert self._door is not None, "running() comes first"
        await self._door(scope, receive, send)

    def open_pages(self) -> int:
        """Count the pages that people have open."""
        return sum(one.has_socket_connection for one in Client.instances.values())

    def _visitor(self, request: Request) -> Visitor:
        visit, dark = visiting.get()
        assert self._parts is not None
        return Visitor(visit, read_words(visit.language), self._parts, request.scope["root_path"], dark)

    def _builder(self, one: ConsolePage) -> Callable[..., Coroutine[Any, Any, None]]:
        async def build(request: Request) -> None:
            ui.context.client.storage["session"] = visiting.get()[0].session
            await framed(one, self._visitor(request))

        return build

    def _answerer(self, data: ConsoleData) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def answer(request: Request) -> Any:
            asked = {name: request.query_params[name] for name in data.asks if name in request.query_params}
            return await data.answer(self._visitor(request), **request.path_params, **asked)

        return answer


class _Page(ui.page):
    """A page in the language and the light of whoever asks."""

    def resolve_language(self) -> Language | None:
        """Return the language of the visitor."""
        return _LANGUAGES[visiting.get()[0].language]

    def resolve_dark(self) -> bool | None:
        """Return what the visitor chose."""
        return visiting.get()[1]


def other_login(settings: ServiceSettings, admit: Callable[..., LoginResult]) -> Elsewhere | None:
    """Return the way through another log-in service, or None where none is set.

    Parameters
    ----------
    settings : ServiceSettings
        What is set.
    admit : callable
        Takes an identity, and ``roles`` by name; returns who may come in.
    """
    if settings.oidc is None:
        return None
    # the extra that checks tokens is installed where a log-in service is set
    from pricelm.web.console.oidc_login import OidcLogin
    from pricelm.web.console.oidc_provider import OidcProvider

    public = settings.oidc.public_url
    provider = OidcProvider(settings.oidc, f"{public}{CONSOLE}{RETURN}")
    return OidcLogin(provider, partial(admit, roles=settings.oidc.roles), public.startswith("https:"))


def _log_defect(error: Exception) -> None:
    logging.getLogger("pricelm.console").error(
        "page failed", extra={"error": type(error).__name__, "frames": code_frames(error)}
    )
