"""Something that takes a while: the page says so, keeps what it showed, and takes only the newest answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from nicegui import ui

from pricelm.services.service_keys import Role
from pricelm.web.console.states import paragraph
from pricelm.web.console.visitor import Visitor

_ONE = TypeVar("_ONE")


class Waiting(Generic[_ONE]):
    """A place whose content is worked out in a thread.

    Parameters
    ----------
    visitor : Visitor
        Who waits.
    text : str
        What is being worked out.
    show : callable
        Builds the content from what came out.
    """

    def __init__(self, visitor: Visitor, text: str, show: Callable[[_ONE], None]) -> None:
        self._visitor, self._show = visitor, show
        self._turn = 0
        with ui.element("div").classes("full") as self._home:
            with ui.element("div").props('role="status"').classes("busy") as self._busy:
                ui.spinner(size="22px").props('aria-hidden="true"')
                ui.label(text)
            self._place = ui.element("div").classes("full")

    def ask(self, work: Callable[[], _ONE]) -> None:
        """Work something out, and show it unless something else was asked for meanwhile."""
        self._turn += 1
        turn = self._turn
        self._busy.set_visibility(True)
        self._place.props('aria-busy="true"')

        async def answer() -> None:
            async with self._visitor.parts.heavy:
                if turn != self._turn:
                    return
                found = await self._visitor.act(Role.viewer, lambda _: work())
            if turn != self._turn:
                return
            self._busy.set_visibility(False)
            self._place.props(remove="aria-busy")
            self._place.clear()
            with self._place:
                if found is None:
                    paragraph(self._visitor.words("waiting.failed")).classes("warn")
                else:
                    self._show(found)

        # not before the page stands: who opens it sees at once what is going on
        with self._home:
            ui.timer(0.01, answer, once=True)
