"""The application: routes, errors, and what runs beside them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import multiprocessing
import signal
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import pricelm
from pricelm.core.errors import PricelmError
from pricelm.services.bootstrap import Service, open_service
from pricelm.services.live_models import LiveModels
from pricelm.services.open_work import read_open_work
from pricelm.services.service_settings import ServiceSettings
from pricelm.web.api import inference_routes, model_routes, operation_routes, pricing_routes
from pricelm.web.api.gate import Gate
from pricelm.web.api.guard import Guard
from pricelm.web.api.metrics import Metrics
from pricelm.web.api.problems import ProblemError, on_http_error, on_known_error, on_validation_error

CONSOLE = "/console"
"""Path of the pages."""
_LOG = logging.getLogger("pricelm.service")
_COUNTED_EVERY_SECONDS = 5.0
_PRICED = ("/v1/quotes", "/v1/explanations")
# English has four letters a token, Chinese three bytes: rather too many tokens than too few
_BYTES_OF_A_TOKEN = 3
_ABOUT = (
    "Prices listings from what is written about them, with a calibrated interval. Every error is a problem "
    "document (RFC 9457) that says what was expected, what came and what to do."
)


class Pages(Protocol):
    """The console, or anything else that shows pages beside the API."""

    def running(self, service: Service) -> contextlib.AbstractAsyncContextManager[None]:
        """Serve pages of a service until the block ends."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...

    def open_pages(self) -> int:
        """Count the pages that people have open."""
        ...


def create_app(
    settings: ServiceSettings, metrics: Metrics | None = None, console: Pages | None = None
) -> ASGIApp:
    """Make the service; it opens the store and loads the model when the server starts it.

    Parameters
    ----------
    settings : ServiceSettings
        What is set.
    metrics : Metrics, optional
        Numbers that were begun before, for example by the log.
    console : Pages, optional
        The console, which is served below /console.

    Returns
    -------
    ASGI application
        For uvicorn or any other server.
    """
    numbers = metrics or Metrics()
    app = describe(settings, numbers)
    app.state.console = console
    if console is not None:
        app.mount(CONSOLE, console)
        app.add_route("/", _to_console, include_in_schema=False)
    return Gate(app, settings, numbers, admission(app))


def admission(app: FastAPI) -> Callable[[Scope, int], None]:
    """Return the check that refuses a request for prices while too much waits, by the size of its body."""

    def admit(scope: Scope, size: int) -> None:
        models: LiveModels | None = getattr(app.state, "models", None)
        if models is not None and scope["method"] == "POST" and scope["path"] in _PRICED:
            models.cast.active.batcher.check_wait(size // _BYTES_OF_A_TOKEN)

    return admit


def describe(settings: ServiceSettings, metrics: Metrics) -> FastAPI:
    """Return the application without its gate; its ``openapi()`` is the contract."""
    app = FastAPI(
        title="pricelm",
        version=pricelm.__version__,
        description=_ABOUT,
        lifespan=_running,
        redirect_slashes=False,
        docs_url=None,  # these pages load their scripts from elsewhere
        redoc_url=None,
    )
    app.state.settings, app.state.metrics, app.state.console = settings, metrics, None
    for routes in (pricing_routes, model_routes, inference_routes, operation_routes):
        app.include_router(routes.router)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(PricelmError, on_known_error)
    app.add_exception_handler(ProblemError, on_known_error)
    app.add_exception_handler(Exception, on_known_error)  # answered here, logged by the gate
    return app


async def _to_console(_: Request) -> RedirectResponse:
    return RedirectResponse(f"{CONSOLE}/", 307)


@contextlib.asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    settings: ServiceSettings = app.state.settings
    metrics: Metrics = app.state.metrics
    console: Pages | None = app.state.console
    service = open_service(
        settings,
        observe_batch=_Observer(app, metrics),
        observe_shadow=_shadow(metrics),
        observe_memory=lambda what, count: metrics.remembered.labels(what).inc(count),
        may_be_empty=console is not None,
    )
    state = app.state
    state.models, state.registry, state.pricing = service.models, service.registry, service.pricing
    state.recorder = service.recorder
    state.guard = Guard(
        service.keys,
        is_loopback=settings.is_loopback,
        on_refusal=lambda reason: metrics.refused.labels(reason).inc(),
    )
    await service.start()
    following = asyncio.create_task(_follow(app, service))
    try:
        async with console.running(service) if console is not None else contextlib.nullcontext():
            yield
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        await service.close()


async def _follow(app: FastAPI, service: Service) -> None:
    settings: ServiceSettings = app.state.settings
    metrics: Metrics = app.state.metrics
    was_lost = False
    counted = -math.inf
    # not the number of the parent process: it may have gone, and the number with it, before this is reached
    supervisor = multiprocessing.parent_process()
    while True:
        await asyncio.sleep(settings.poll_seconds)
        if supervisor is not None and not supervisor.is_alive():
            # nobody would ever stop or replace this worker again
            _LOG.error("supervisor gone", extra={"reason": "this worker stops too"})
            signal.raise_signal(signal.SIGTERM)
            return
        try:
            await service.follow()
            if time.monotonic() - counted >= _COUNTED_EVERY_SECONDS:
                metrics.show_open_work(await asyncio.to_thread(read_open_work, service.store))
                counted = time.monotonic()
            if was_lost:
                _LOG.info("store readable again")
            was_lost = False
        except Exception as error:
            # prices go on with what is loaded; one line is enough until the store is back
            if not was_lost:
                _LOG.error("store not readable", extra={"reason": str(error), "error": type(error).__name__})
            was_lost = True
        metrics.store_reachable.set(not was_lost)
        _show(app.state.models, metrics, app.state.console)


class _Observer:
    """Writes every batch into the metrics."""

    def __init__(self, app: FastAPI, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    def __call__(self, version: int, rows: int, tokens: int, seconds: float) -> None:
        label = str(version)
        self._metrics.batch_rows.labels(label).observe(rows)
        self._metrics.batch_tokens.labels(label).observe(tokens)
        self._metrics.batch_seconds.labels(label).observe(seconds)


def _shadow(metrics: Metrics) -> Any:
    return lambda version, difference: metrics.shadow.labels(str(version)).observe(difference)


def _show(models: LiveModels, metrics: Metrics, console: Pages | None) -> None:
    """Write what can be read at any time into the gauges."""
    metrics.console_pages.set(console.open_pages() if console is not None else 0)
    if models.is_ready:
        metrics.show_live({(str(one.version), one.record.state) for one in models.cast.everyone()})
        metrics.model_registered.set(models.cast.active.record.created.timestamp())
    for one in models.cast.everyone() if models.is_ready else ():
        label = str(one.version)
        cache = one.served.cache_statistics()
        metrics.cache_hits.labels(label).set(cache.hits)
        metrics.cache_misses.labels(label).set(cache.misses)
        metrics.waiting_tokens.labels(label).set(one.batcher.waiting_tokens)
        metrics.waiting_requests.labels(label).set(one.batcher.waiting_requests)
