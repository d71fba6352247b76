"""A service in this process, asked without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pricelm.services.bootstrap import prepare_service
from pricelm.services.service_settings import read_settings
from pricelm.web.api.app import admission, describe
from pricelm.web.api.gate import Gate
from pricelm.web.api.metrics import Metrics

Client = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def client(fast_bundle: Path, tmp_path: Path) -> Client:
    """Return a function that starts a service with some settings and gives a client of it."""

    @asynccontextmanager
    async def start(bundle: Path | None = fast_bundle, **given: Any) -> AsyncIterator[httpx.AsyncClient]:
        settings = read_settings(store=f"sqlite:///{tmp_path / 'store.db'}", poll_seconds=0.05, **given)
        prepare_service(settings, bundle)
        metrics = Metrics()
        app = describe(settings, metrics)
        transport = httpx.ASGITransport(
            Gate(app, settings, metrics, admission(app)), raise_app_exceptions=True
        )
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as opened,
        ):
            opened.app = app  # type: ignore[attr-defined]
            yield opened

    return start
