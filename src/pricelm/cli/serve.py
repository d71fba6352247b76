"""pricelm serve: the HTTP service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]",
            help="Folder of a trained model; without it, the active one of the store.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default="8000")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Database of keys and model versions.", show_default="sqlite:///pricelm.db"
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.", show_default="1")] = None,
) -> None:
    """Serve prices over HTTP, until Ctrl-C or SIGTERM. Further settings: PRICELM_... in the environment."""
    from pricelm.services.service_settings import read_settings
    from pricelm.web.server import serve as run

    run(read_settings(host=host, port=port, store=store, workers=workers), model)
