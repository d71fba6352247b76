"""Settings: users, keys of the API, and the audit log with its check."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import ui

from pricelm.services.auditing import show_audit, verify_audit
from pricelm.services.console_users import (
    UserRecord,
    add_console_user,
    disable_console_user,
    list_console_users,
    set_console_password,
    set_console_role,
)
from pricelm.services.service_keys import Caller, Role, add_key, list_keys, revoke_key
from pricelm.web.console.formats import moment
from pricelm.web.console.states import heading, paragraph
from pricelm.web.console.tables import table
from pricelm.web.console.visitor import Visitor

_ENTRIES = 30


async def build(visitor: Visitor) -> None:
    """Build the page."""
    heading(visitor.words("nav.settings"))
    for part in (_users, _keys, _audit):
        await part(visitor, ui.element("section").classes("panel"))


async def _users(visitor: Visitor, place: ui.element) -> None:
    words, url = visitor.words, visitor.store_url
    users = await asyncio.to_thread(list_console_users, url)
    roles = {role.name: words(f"role.{role.name}") for role in Role}

    async def again() -> None:
        await _users(visitor, place)

    place.clear()
    with place:
        heading(words("settings.users"), 2)
        rows = [
            [
                one.name,
                roles.get(one.role, one.role),
                moment(one.created, words),
                words("settings.disabled")
                if one.disabled
                else words("settings.locked")
                if one.locked_until
                else "",
            ]
            for one in users
        ]

        def actions(at: int) -> None:
            if users[at].disabled is None:
                _user_actions(visitor, users[at], roles, again)

        head = [words(f"settings.head.{name}") for name in ("name", "role", "created", "state")]
        table(head, rows, words("settings.users"), actions=actions)
        with ui.row().classes("bar"):
            name = ui.input(words("settings.head.name")).props(
                'outlined dense maxlength="100" autocomplete="off"'
            )
            role = ui.select(roles, value="viewer", label=words("settings.head.role")).props("outlined dense")
            secret = ui.input(words("login.password"), password=True).props(
                'outlined dense maxlength="200" autocomplete="new-password"'
            )
            _button(
                visitor,
                "settings.add",
                lambda c: add_console_user(url, name.value or "", role.value, secret.value or "", c.name),
                again,
            )


def _user_actions(visitor: Visitor, one: UserRecord, roles: dict[str, str], again: Callable[[], Any]) -> None:
    words, url = visitor.words, visitor.store_url

    def becomes(role: str) -> Callable[[Caller], None]:
        return lambda caller: set_console_role(url, one.name, role, caller.name)

    with ui.button(words("settings.change")).props("flat dense no-caps"), ui.menu():
        for role, label in roles.items():
            if role != one.role:
                item = ui.menu_item(words("settings.to_role", role=label))
                item.on_click(_done(visitor, becomes(role), again))
        ui.menu_item(words("settings.password"), lambda: _password(visitor, one.name, again))
        ui.menu_item(words("settings.disable")).on_click(
            _done(visitor, lambda c: disable_console_user(url, one.name, c.name), again)
        )


async def _password(visitor: Visitor, name: str, again: Callable[[], Any]) -> None:
    words, url = visitor.words, visitor.store_url
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        heading(words("settings.password_of", name=name), 2)
        secret = ui.input(words("login.password"), password=True).props(
            'outlined dense autofocus autocomplete="new-password"'
        )
        ui.button(words("save"), on_click=lambda: dialog.submit(True)).props("unelevated no-caps")
    if await dialog:
        await _done(visitor, lambda c: set_console_password(url, name, secret.value or "", c.name), again)()


async def _keys(visitor: Visitor, place: ui.element) -> None:
    words, url = visitor.words, visitor.store_url
    keys = await asyncio.to_thread(list_keys, url)

    async def again() -> None:
        await _keys(visitor, place)

    async def made() -> None:
        secret = await visitor.act(Role.admin, lambda c: add_key(url, name.value or "", role.value, c.name))
        if secret is not None:
            await again()
            with place:
                paragraph(words("settings.key_once")).classes("strong")
                ui.label(secret).classes("code secret")

    place.clear()
    with place:
        heading(words("settings.keys"), 2)
        paragraph(words("settings.keys.text")).classes("soft")
        rows = [
            [one.name, one.role, one.key_id, moment(one.created, words), moment(one.revoked, words)]
            for one in keys
        ]

        def actions(at: int) -> None:
            if keys[at].revoked is None:
                _button(visitor, "settings.revoke", lambda c: revoke_key(url, keys[at].key_id, c.name), again)

        head = [words(f"settings.head.{one}") for one in ("name", "role", "id", "created", "revoked")]
        table(head, rows, words("settings.keys"), actions=actions)
        with ui.row().classes("bar"):
            name = ui.input(words("settings.head.name")).props(
                'outlined dense maxlength="100" autocomplete="off"'
            )
            roles = {role.name: words(f"role.{role.name}") for role in Role}
            role = ui.select(roles, value="viewer", label=words("settings.head.role")).props("outlined dense")
            ui.button(words("settings.add"), on_click=made).props("outline no-caps")


async def _audit(visitor: Visitor, place: ui.element) -> None:
    words, url = visitor.words, visitor.store_url
    entries = await asyncio.to_thread(show_audit, url, _ENTRIES)

    async def verify() -> None:
        report = await visitor.act(Role.admin, lambda _: verify_audit(url))
        if report is not None:
            tell = visitor.tell if report.ok else visitor.warn
            tell(words("audit.sound" if report.ok else "audit.broken", count=report.entries))

    with place:
        heading(words("settings.audit"), 2)
        paragraph(words("settings.audit.text")).classes("soft")
        ui.button(words("audit.verify"), icon="verified", on_click=verify).props("outline no-caps")
        rows = [[moment(one.at, words), one.actor, one.action, one.subject] for one in entries]
        head = [words(f"settings.head.{one}") for one in ("at", "actor", "action", "subject")]
        table(head, rows, words("settings.audit"))


def _done(visitor: Visitor, work: Callable[[Caller], Any], again: Callable[[], Any]) -> Callable[[], Any]:
    async def clicked() -> None:
        if await visitor.act(Role.admin, lambda caller: (work(caller), True)) is not None:
            visitor.tell(visitor.words("done"))
            await again()

    return clicked


def _button(visitor: Visitor, key: str, work: Callable[[Caller], Any], again: Callable[[], Any]) -> None:
    ui.button(visitor.words(key), on_click=_done(visitor, work, again)).props("outline dense no-caps")
