"""What is on its way out: how far it is, and a button to finish what was interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import ui

from pricelm.services.applying import DeliveryResult
from pricelm.services.interrupted import OpenDelivery, go_on, open_deliveries
from pricelm.services.service_keys import Caller, Role
from pricelm.web.console.formats import moment, whole
from pricelm.web.console.states import paragraph
from pricelm.web.console.visitor import Visitor

_SECONDS = 1.0


class Deliveries:
    """A line for every delivery that is not finished; nothing where there is none.

    Parameters
    ----------
    visitor : Visitor
        Who looks.
    changed : callable
        Called when one was finished here.
    """

    def __init__(self, visitor: Visitor, changed: Callable[[], Awaitable[None]]) -> None:
        self._visitor, self._changed = visitor, changed

    async def build(self) -> None:
        """Build the lines."""
        self._place = ui.element("div").props('role="status"').classes("deliveries")
        await self.refresh()

    async def refresh(self) -> None:
        """Show how far they are now."""
        found = await asyncio.to_thread(open_deliveries, self._visitor.parts.lists.store)
        if self._place.is_deleted:
            return
        self._place.clear()
        with self._place:
            for one in found:
                self._line(one, is_under_way=(one.kind, one.scope) in self._visitor.parts.sending)

    async def send(
        self, kind: str, scope: str, work: Callable[[Caller], DeliveryResult]
    ) -> DeliveryResult | None:
        """Let prices go out, and show meanwhile how far they are; return None where it did not work."""
        sending = self._visitor.parts.sending
        sending.add((kind, scope))
        watching = asyncio.create_task(self._watch())
        try:
            return await self._visitor.act(Role.approver, work)
        finally:
            watching.cancel()
            sending.discard((kind, scope))
            await self.refresh()

    async def _watch(self) -> None:
        # no ui.timer: one that is made while a page is built lets the page go before it is whole
        while not self._place.is_deleted:
            await asyncio.sleep(_SECONDS)
            await self.refresh()

    def _line(self, one: OpenDelivery, *, is_under_way: bool) -> None:
        words = self._visitor.words
        facts = {
            "sent": whole(one.sent, words),
            "total": whole(one.total, words),
            "target": one.target,
            "actor": one.actor,
            "at": moment(one.begun, words),
        }
        state = "under_way" if is_under_way else "interrupted"
        with ui.element("div").classes("delivery warn"):
            ui.icon("sync" if is_under_way else "warning").props('aria-hidden="true"')
            paragraph(words(f"delivery.{state}.{one.kind}", **facts))
            if not is_under_way and self._visitor.may(Role.approver):
                button = ui.button(words("delivery.finish"), on_click=lambda: self._finish(one))
                button.props("unelevated no-caps dense color=primary")

    async def _finish(self, one: OpenDelivery) -> None:
        url, place = self._visitor.store_url, self._visitor.parts.settings.price_target
        # the button that was pressed goes with its line
        with self._place:
            result = await self.send(
                one.kind, one.scope, lambda caller: go_on(url, one.delivery, place, caller)
            )
            if result is not None:
                words = self._visitor.words
                now, before = whole(result.handed_over, words), whole(result.before, words)
                self._visitor.tell(words("delivery.done", now=now, before=before))
            await self._changed()
