"""The bar of decisions: approve, edit, reject what is chosen; let prices go out; take them back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from nicegui import ui

from pricelm.core.errors import ConfigError
from pricelm.services.applying import DeliveryResult
from pricelm.services.approving import DecisionRequest, Decisions, approve, reject
from pricelm.services.editing import PriceEdit, edit
from pricelm.services.outbox import apply_to_outbox, roll_back_to_outbox
from pricelm.services.rolling_back import RollbackScope
from pricelm.services.service_keys import Caller, Role
from pricelm.web.console.states import heading, paragraph
from pricelm.web.console.visitor import Visitor
from pricelm.web.console.work_table import WorkTable

_REASONS = ("strategy", "stock", "competitor", "wrong", "other")


class DecisionBar:
    """Buttons for what is chosen in the table, and for the whole plan.

    Parameters
    ----------
    visitor : Visitor
        Who decides.
    batch : int
        The plan.
    table : WorkTable
        Where is chosen.
    changed : callable
        Called when something was decided.
    """

    def __init__(
        self, visitor: Visitor, batch: int, table: WorkTable, changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._visitor, self._batch, self._table, self._changed = visitor, batch, table, changed
        self.approved = self.applied = 0

    def build(self) -> None:
        """Build the bar."""
        words = self._visitor.words
        if not self._visitor.may(Role.approver):
            paragraph(words("today.viewer")).classes("soft")
            return
        with ui.element("div").props(f'role="toolbar" aria-label="{words("today.decide")}"').classes("bar"):
            self._chosen = (
                ui.label(words("today.chosen", count=0)).props('aria-live="polite"').classes("soft")
            )
            self._decide = [
                self._button("approve", "check", self._approve, "a").props("unelevated color=primary"),
                self._button("edit", "edit", self._edit, "e").props("outline"),
                self._button("reject", "close", self._reject, "r").props("outline"),
            ]
            ui.space()
            self._all = self._button("approve_all", "done_all", self._approve_all).props("flat")
            self._out = self._button("apply", "send", self._apply).props("unelevated color=positive")
            self._back = self._button("rollback", "undo", self._rollback).props("flat")
        self.count(0)

    def _button(
        self, key: str, icon: str, action: Callable[[], Awaitable[None]], letter: str = ""
    ) -> ui.button:
        button = ui.button(self._visitor.words(key), icon=icon, on_click=action).props("no-caps")
        if letter:
            button.props(f'data-key="{letter}" aria-keyshortcuts="{letter}"')
            button.tooltip(self._visitor.words("key", key=letter))
        return button

    def count(self, chosen: int) -> None:
        """Show how many are chosen."""
        if not self._visitor.may(Role.approver):
            return
        self._chosen.set_text(self._visitor.words("today.chosen", count=chosen))
        for button in self._decide:
            button.set_enabled(chosen > 0)

    def refresh(self) -> None:
        """Show what may be done with the whole plan."""
        if not self._visitor.may(Role.approver):
            return
        self._out.set_text(self._visitor.words("apply.count", count=self.approved))
        self._out.set_enabled(self.approved > 0)
        self._back.set_enabled(self.applied > 0)

    def _request(self, caller: Caller, skus: list[str] | None, reason: str = "") -> DecisionRequest:
        share = self._visitor.parts.settings.four_eyes_share
        return DecisionRequest(self._batch, caller, skus, reason, share)

    async def _approve(self) -> None:
        skus = await self._table.chosen()
        await self._do(lambda caller: approve(self._visitor.store_url, self._request(caller, skus)))

    async def _approve_all(self) -> None:
        words = self._visitor.words
        if await _asked(words("approve_all"), words("approve_all.text"), words("approve"), words("cancel")):
            await self._do(lambda caller: approve(self._visitor.store_url, self._request(caller, None)))

    async def _reject(self) -> None:
        skus = await self._table.chosen()
        reason = await self._reason(self._visitor.words("reject.title", count=len(skus)))
        if reason:
            await self._do(
                lambda caller: reject(self._visitor.store_url, self._request(caller, skus, reason))
            )

    async def _edit(self) -> None:
        skus = await self._table.chosen()
        words, is_one = self._visitor.words, len(skus) == 1
        with ui.element("div").classes("fields") as fields:
            if is_one:
                typed = ui.number(words("column.price"), min=0.01, step=0.01, format="%.2f")
            else:
                typed = ui.number(words("edit.change"), min=-99, max=1000, step=0.5, format="%.1f")
                paragraph(words("edit.change.text")).classes("soft")
            typed.props("outlined dense autofocus")
        title = words("edit.title", sku=skus[0]) if is_one else words("edit.many", count=len(skus))
        reason = await self._reason(title, fields)
        if reason:
            value = typed.value

            def step(caller: Caller) -> Decisions:
                if value is None:
                    raise ConfigError(words("edit.price"))
                wanted = PriceEdit(float(value)) if is_one else PriceEdit(change=float(value) / 100)
                inputs = self._visitor.parts.lists.inputs(self._batch)
                return edit(self._visitor.store_url, self._request(caller, skus, reason), wanted, inputs)

            await self._do(step)

    async def _do(self, work: Callable[[Caller], Decisions]) -> None:
        made = await self._visitor.act(Role.approver, work)
        if made is None:
            return
        words = self._visitor.words
        if made.done:
            self._visitor.tell(words("today.done", count=len(made.done)))
        if made.refused:
            shown = list(made.refused.values())[:3]
            self._visitor.warn(words("today.refused", count=len(made.refused)) + "\n" + "\n".join(shown))
        await self._changed()

    async def _apply(self) -> None:
        words, place = self._visitor.words, self._visitor.parts.settings.price_target
        if not place:
            await _asked(words("apply"), words("apply.nowhere"), words("close"))
            return
        text = words("apply.text", count=self.approved)
        if not await _asked(words("apply"), text, words("apply"), words("cancel")):
            return
        url = self._visitor.store_url
        await self._deliver(lambda caller: apply_to_outbox(url, place, self._batch, caller), "apply.done")

    async def _rollback(self) -> None:
        words, place = self._visitor.words, self._visitor.parts.settings.price_target
        with ui.dialog() as dialog, ui.card().classes("dialog"):
            heading(words("rollback"), 2)
            paragraph(words("rollback.text"))
            scope = ui.radio(
                {
                    "batch": words("rollback.batch", batch=self._batch, count=self.applied),
                    "day": words("rollback.day"),
                },
                value="batch",
            )
            _buttons(dialog, words("rollback"), words("cancel"))
        if not await dialog:
            return
        wanted = (
            RollbackScope(batch=self._batch) if scope.value == "batch" else RollbackScope(day=date.today())
        )
        url = self._visitor.store_url
        await self._deliver(lambda caller: roll_back_to_outbox(url, place, wanted, caller), "rollback.done")

    async def _deliver(self, work: Callable[[Caller], DeliveryResult], key: str) -> None:
        result = await self._visitor.act(Role.approver, work)
        if result is not None:
            words = self._visitor.words
            self._visitor.tell(words(key, count=result.handed_over + result.before, target=result.target))
            if result.left_out:
                lines = [f"{sku}: {why}" for sku, why in list(result.left_out.items())[:3]]
                self._visitor.warn(words("apply.left", count=len(result.left_out)) + "\n" + "\n".join(lines))
        await self._changed()

    async def _reason(self, title: str, fields: Any = None) -> str:
        """Ask why, and return it; empty for no."""
        words = self._visitor.words
        with ui.dialog() as dialog, ui.card().classes("dialog"):
            heading(title, 2)
            if fields is not None:
                fields.move(dialog.default_slot.children[0])
            known = {one: words(f"reason.{one}") for one in _REASONS}
            chosen = ui.select(known, value=_REASONS[0], label=words("reason")).props("outlined dense")
            more = ui.input(words("reason.more")).props('outlined dense maxlength="1000"')
            _buttons(dialog, words("save"), words("cancel"))
        if not await dialog:
            return ""
        return ": ".join(part for part in (known[chosen.value], (more.value or "").strip()) if part)


async def _asked(title: str, text: str, yes: str, no: str = "") -> bool:
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        heading(title, 2)
        paragraph(text)
        _buttons(dialog, yes, no)
    return bool(await dialog)


def _buttons(dialog: ui.dialog, yes: str, no: str = "") -> None:
    with ui.row().classes("dialog-buttons"):
        if no:
            ui.button(no, on_click=lambda: dialog.submit(False)).props("flat no-caps")
        ui.button(yes, on_click=lambda: dialog.submit(True)).props("unelevated no-caps color=primary")
