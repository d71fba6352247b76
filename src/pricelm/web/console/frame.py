"""The frame of every page: menu, who is here, language and light; and what stands in when a page fails."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from nicegui import ui

from pricelm.core.errors import ConfigError, PricelmError
from pricelm.services.console_users import LANGUAGES, set_console_language
from pricelm.services.service_keys import Caller, Role
from pricelm.web.api.logs import code_frames
from pricelm.web.console.markup import around, element, icon, written
from pricelm.web.console.registry import ConsolePage, all_pages
from pricelm.web.console.states import problem
from pricelm.web.console.visitor import Visitor

_LOG = logging.getLogger("pricelm.console")
_STYLE = (Path(__file__).parent / "console.css").read_text(encoding="utf-8")
_SCRIPT = (Path(__file__).parent / "console.js").read_text(encoding="utf-8")
_LIGHTS = ("auto", "light", "dark")


async def framed(page: ConsolePage, visitor: Visitor) -> None:
    """Build a page inside its frame; a page that fails says so where it would have stood."""
    words = visitor.words
    ui.page_title(f"{words(f'nav.{page.key}')} · pricelm")
    ui.add_head_html(f"<style>{_STYLE}</style><script>{_SCRIPT}</script>")
    # what NiceGUI gives its own widgets besides has no place here
    ui.query(".nicegui-content").classes("console")
    skip = ui.link(words("skip"), "#main").classes("skip")
    skip.props('tabindex="0"')
    drawer = _menu(page, visitor)
    _header(visitor, drawer)
    with ui.element("div").props('id="main" tabindex="-1"').classes("page"):
        try:
            await page.build(visitor)
        except ConfigError as error:
            problem(words("state.missing.title"), str(error), "search_off")
        except PricelmError as error:
            problem(words("state.problem"), str(error), "error")
        except Exception as error:
            _LOG.error(
                "page failed",
                extra={"error": type(error).__name__, "page": page.key, "frames": code_frames(error)},
            )
            problem(words("state.problem"), words("state.defect"), "error")


def _menu(current: ConsolePage, visitor: Visitor) -> ui.left_drawer:
    words = visitor.words
    links = []
    for one in all_pages():
        if not one.icon or not visitor.may(one.role):
            continue
        is_here = one.key == current.key or (one.key == "today" and current.key == "product")
        links.append(
            around(
                "a",
                icon(one.icon) + element("div", words(f"nav.{one.key}")),
                class_="menu-link here" if is_here else "menu-link",
                aria_current="page" if is_here else "",
                href=visitor.root + one.path,
            )
        )
    drawer = ui.left_drawer(value=None, bordered=True).props("width=208 breakpoint=1000 no-swipe-open")
    with drawer.classes("menu"):
        written("".join(links), "nav").props(f'aria-label="{words("nav.label")}"')
    return drawer


def _header(visitor: Visitor, drawer: ui.left_drawer) -> None:
    words = visitor.words
    with ui.header().classes("top"):
        ui.button(icon="menu", on_click=drawer.toggle).props(
            f'flat dense aria-label="{words("nav.open")}"'
        ).classes("menu-button")
        with ui.link(target=visitor.root + "/").classes("brand"):
            ui.label("pricelm")
        ui.space()
        with (
            ui.button(icon="language")
            .props(f'flat dense aria-label="{words("language")}"')
            .tooltip(words("language")),
            ui.menu(),
        ):
            for code in LANGUAGES:
                ui.menu_item(words(f"language.{code}"), lambda code=code: _speak(visitor, code))
        with (
            ui.button(icon="contrast")
            .props(f'flat dense aria-label="{words("light")}"')
            .tooltip(words("light")),
            ui.menu(),
        ):
            for light in _LIGHTS:
                ui.menu_item(words(f"light.{light}"), lambda light=light: _shine(light))
        caller = visitor.visit.caller
        with (
            ui.button(icon="account_circle")
            .props(f'flat dense aria-label="{words("account")}"')
            .tooltip(words("account")),
            ui.menu(),
        ):
            with ui.column().classes("account"):
                ui.label(caller.name).classes("strong")
                ui.label(words(f"role.{caller.role.name}")).classes("soft")
            ui.separator()
            ui.menu_item(words("logout"), lambda: _leave(visitor))


async def _speak(visitor: Visitor, code: str) -> None:
    def speak(caller: Caller) -> None:
        set_console_language(visitor.store_url, caller.name, code)

    await visitor.act(Role.viewer, speak)
    visitor.parts.sessions.forget(visitor.visit.session)
    ui.navigate.reload()


def _shine(light: str) -> None:
    ui.run_javascript(f"pricelmLight({light!r})")


async def _leave(visitor: Visitor) -> None:
    await asyncio.to_thread(visitor.parts.sessions.end, visitor.visit.session)
    ui.navigate.to("/login")
