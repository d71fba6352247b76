"""pricelm serve: the HTTP service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pricelm.cli.options import ConfigOption, HostOption, PortOption, ServedStoreOption, WorkersOption

if TYPE_CHECKING:
    from pricelm.services.service_settings import ServiceSettings

_DEMO_FOLDER = Path("demo-console")


def serve(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]",
            help="Folder of a trained model; without it, the active one of the store.",
            show_default=False,
        ),
    ] = None,
    host: HostOption = None,
    port: PortOption = None,
    store: ServedStoreOption = None,
    workers: WorkersOption = None,
    config: ConfigOption = None,
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Open the console on an embedded shop, in the folder demo-console."),
    ] = False,
) -> None:
    """Serve prices over HTTP, and the console, until Ctrl-C or SIGTERM. All settings: 'pricelm config'."""
    from pricelm.services.service_settings import read_configuration
    from pricelm.web.server import serve as run

    read = read_configuration(config, host=host, port=port, store=store, workers=workers)
    settings = read.settings
    if demo:
        settings, model = _demo(settings, model)
    run(settings, model, read.layers.warnings)


def _demo(settings: ServiceSettings, model: Path | None) -> tuple[ServiceSettings, Path]:
    """Make or find the demo, and say how to come in."""
    from pricelm.cli.console import TerminalProgress, stderr_console
    from pricelm.core.errors import ConfigError
    from pricelm.services.demo_store import PASSWORD, USERS, prepare_demo_store

    if not settings.is_loopback:
        raise ConfigError(
            f"expected the demo on this machine only, got the address {settings.host}: everybody knows its "
            "passwords"
        )
    with TerminalProgress() as progress:
        place = prepare_demo_store(_DEMO_FOLDER, progress)
    names = ", ".join(f"{name} ({role})" for name, role in USERS.items())
    console = stderr_console()
    console.print(f"Console: http://localhost:{settings.port}/console/")
    console.print(f"Log in as {names}; the password is {PASSWORD}", markup=False)
    given = {
        "store": place.store,
        "console": "on",
        "price_target": str(place.outbox),
        "models_folder": place.models,
    }
    return settings.model_copy(update=given), model or place.model
