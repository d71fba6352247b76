"""Running the service: one process or several behind one socket."""

from __future__ import annotations

import functools
import gc
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pricelm.core.errors import ConfigError

if TYPE_CHECKING:
    from pricelm.services.service_settings import ServiceSettings

_LOG = logging.getLogger("pricelm.service")
_BACKLOG = 2048
# uvicorn takes a worker for dead that answers nothing for so long, also while it still imports libraries
_WORKER_STARTS_WITHIN_SECONDS = 60
_TURN_SECONDS = 0.0005
# of new objects, of looks at the new ones, of looks at the middle-aged ones
_GARBAGE = (10_000, 10, 20)


def serve(settings: ServiceSettings, bundle: Path | None, warnings: Sequence[str] = ()) -> None:
    """Serve until the process is told to stop (SIGTERM or Ctrl-C).

    Running requests are finished first; new connections are no longer taken.

    Parameters
    ----------
    settings : ServiceSettings
        What is set.
    bundle : pathlib.Path, optional
        The model to serve; without it, the active one of the store.
    warnings : sequence of str
        What the log should say about the settings.

    Raises
    ------
    ConfigError
        If the address cannot be used, or other machines could reach a service without keys.
    BundleError, StoreError
        If the model or the store cannot be used.
    """
    # a worker imports this module before it can tell that it is alive: everything heavy comes later
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from pricelm.services.bootstrap import prepare_service

    shared = tempfile.mkdtemp(prefix="pricelm-metrics-") if settings.workers > 1 else None
    if shared is not None:
        from pricelm.web.api.metrics import FOLDER_VARIABLE

        os.environ[FOLDER_VARIABLE] = shared
    metrics = _logs_with_metrics(settings)
    for reason in warnings:
        _LOG.warning("setting", extra={"reason": reason})
    version = prepare_service(settings, bundle)
    if bundle is not None and version is not None and version.bundle != bundle.resolve():
        _LOG.warning(
            "another version is active",
            extra={
                "version": version.version,
                "reason": f"the store knows {bundle} and has {version.bundle} active; "
                "'pricelm models promote' changes that",
            },
        )
    listener = _listen(settings)
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(
        functools.partial(worker_app, settings),
        factory=True,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        backlog=_BACKLOG,
        limit_concurrency=settings.connections,
        timeout_graceful_shutdown=settings.drain_seconds,
        timeout_worker_healthcheck=_WORKER_STARTS_WITHIN_SECONDS,
    )
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    _LOG.info(
        "serving",
        extra={
            "address": address,
            "version": version.version if version else None,
            "workers": settings.workers,
        },
    )
    try:
        if settings.workers > 1:
            Multiprocess(config, [listener]).run()
        else:
            config.app = functools.partial(worker_app, settings, metrics)
            # uvicorn sends itself the signal again once it has stopped in good order
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: None)
            uvicorn.Server(config).run([listener])
    finally:
        listener.close()
        if shared is not None:
            shutil.rmtree(shared, ignore_errors=True)
    _LOG.info("stopped")


def worker_app(settings: ServiceSettings, metrics: Any = None) -> Any:
    """Return the application of one worker process."""
    from pricelm.services.bootstrap import console_is_wanted
    from pricelm.web.api.app import create_app

    console = None
    if console_is_wanted(settings):
        # the framework of the pages takes a second to import, which an API alone need not spend
        from pricelm.core.extras import require

        require("nicegui", extra="console", purpose="serve the console")
        if settings.oidc is not None:
            require("joserfc", extra="oidc", purpose="let people in through another log-in service")
        from pricelm.web.console.app import Console

        console = Console(settings)
    app = create_app(settings, metrics or _logs_with_metrics(settings), console)
    # libraries hold half a million objects for good: to look through them again and again for garbage
    # took a fifth of all computing, and stopped every answer for as long
    gc.freeze()
    if console is not None:
        # a look through the pages of fifty people takes a third of a second in which nobody is answered:
        # every minute or two is enough, not every three seconds
        gc.set_threshold(*_GARBAGE)
        # beside threads that compute, the loop that answers everybody would wait five milliseconds for its
        # turn after every read or write
        sys.setswitchinterval(_TURN_SECONDS)
    return app


def _logs_with_metrics(settings: ServiceSettings) -> Any:
    from pricelm.web.api.logs import configure_logs
    from pricelm.web.api.metrics import Metrics

    metrics = Metrics()
    configure_logs(settings.log_format, metrics.lost_log_lines.inc)
    return metrics


def _listen(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): "
            "choose another --port or --host"
        ) from error
    listener.set_inheritable(True)
    return listener
