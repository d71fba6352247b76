"""Choosing a file: a button that says so, before a widget that a screen reader cannot name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import events, ui

from pricelm.web.console.visitor import Visitor

MOST_BYTES = 8_000_000


def file_button(
    visitor: Visitor, text: str, kinds: str, taken: Callable[[events.UploadEventArguments], Awaitable[None]]
) -> None:
    """Build a button that lets a person choose one file of at most 8 MB.

    Parameters
    ----------
    visitor : Visitor
        Who chooses.
    text : str
        What the button says.
    kinds : str
        Endings, for example ``".csv,.tsv"``.
    taken : callable
        Given the file.
    """
    megabytes = MOST_BYTES // 1_000_000
    upload = ui.upload(
        auto_upload=True,
        max_files=1,
        max_file_size=MOST_BYTES,
        on_upload=taken,
        on_rejected=lambda: visitor.warn(visitor.words("upload.rejected", megabytes=megabytes)),
    )
    upload.props(f'accept="{kinds}"').classes("behind")
    upload.on("uploaded", upload.reset)
    button = ui.button(text, icon="upload_file").props("outline no-caps").style("align-self: flex-start")
    button.on("click", js_handler=f"() => document.querySelector('#c{upload.id} input[type=file]').click()")
