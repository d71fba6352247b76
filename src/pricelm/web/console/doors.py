"""The first visit: three doors into an empty store, the demo, a file, a database."""

from __future__ import annotations

import tempfile
from pathlib import Path

from nicegui import events, ui

from pricelm.services.demo_store import fill_with_demo
from pricelm.services.first_plan import plan_from_source
from pricelm.services.service_keys import Role
from pricelm.web.console.states import heading, paragraph
from pricelm.web.console.uploads import file_button
from pricelm.web.console.visitor import Visitor

_KINDS = ".csv,.tsv,.jsonl,.parquet,.xlsx"


def three_doors(visitor: Visitor) -> None:
    """Offer the ways to a first plan."""
    words = visitor.words
    paragraph(words("doors.text")).classes("soft")
    if not visitor.may(Role.analyst):
        paragraph(words("doors.ask")).classes("soft")
        return
    with ui.element("div").classes("doors"):
        with _door(words("doors.demo"), words("doors.demo.text"), "storefront"):
            ui.button(words("doors.demo.button"), on_click=lambda: _demo(visitor)).props(
                "unelevated no-caps color=primary"
            )
        with _door(words("doors.file"), words("doors.file.text"), "upload_file"):
            file_button(visitor, words("doors.file.button"), _KINDS, lambda event: _file(visitor, event))
        with _door(words("doors.database"), words("doors.database.text"), "database"):
            if not visitor.may(Role.admin):
                paragraph(words("state.forbidden.text", role=words("role.admin"))).classes("soft")
                return
            address = ui.input(words("doors.address"), placeholder="postgresql://user:password@host/shop")
            address.props('outlined dense type="password" autocomplete="off"')
            query = ui.textarea(
                words("doors.query"), placeholder="select sku, price, unit_cost ... from products"
            )
            query.props("outlined dense autogrow")
            ui.button(
                words("doors.database.button"),
                on_click=lambda: _database(visitor, address.value or "", query.value or ""),
            ).props("unelevated no-caps color=primary")


def _door(title: str, text: str, icon: str) -> ui.element:
    section = ui.element("section").classes("door")
    with section:
        ui.icon(icon).props('aria-hidden="true"')
        heading(title, 2)
        paragraph(text).classes("soft")
    return section


async def _demo(visitor: Visitor) -> None:
    busy = ui.notification(visitor.words("doors.busy"), spinner=True, timeout=None)
    done = await visitor.act(Role.analyst, lambda caller: fill_with_demo(visitor.store_url, caller.name))
    busy.dismiss()
    if done is not None:
        ui.navigate.to("/")


async def _file(visitor: Visitor, event: events.UploadEventArguments) -> None:
    suffix = Path(event.file.name).suffix.lower()
    with tempfile.TemporaryDirectory(prefix="pricelm-upload-") as folder:
        path = Path(folder) / f"products{suffix}"
        await event.file.save(path)
        made = await visitor.act(
            Role.analyst, lambda caller: plan_from_source(visitor.store_url, path, caller.name)
        )
    _made(visitor, made)


async def _database(visitor: Visitor, address: str, query: str) -> None:
    if "://" not in address:
        visitor.warn(visitor.words("doors.address.wrong"))
        return
    made = await visitor.act(
        Role.admin, lambda caller: plan_from_source(visitor.store_url, address, caller.name, query=query)
    )
    _made(visitor, made)


def _made(visitor: Visitor, batch: int | None) -> None:
    if batch is not None:
        ui.navigate.to(f"/?plan={batch}")
