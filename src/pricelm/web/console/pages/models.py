"""Models: versions, what tuning brought, two beside each other, and training a new one; promote, go back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from nicegui import ui

from pricelm.services.model_registry import ChangeRecord
from pricelm.services.service_keys import Caller, Role
from pricelm.services.version_facts import VersionFacts, version_facts
from pricelm.web.console.formats import moment
from pricelm.web.console.states import heading, nothing, paragraph
from pricelm.web.console.tables import table
from pricelm.web.console.training_panel import TrainingPanel
from pricelm.web.console.version_tables import interval_text, show_comparison, show_version
from pricelm.web.console.visitor import Visitor

_SHOWN = ("mdape", "rmsle")
_CHANGES = 200
_LATEST = 20


async def build(visitor: Visitor) -> None:
    """Build the page."""
    heading(visitor.words("nav.models"))
    await _Models(visitor).build()


class _Models:
    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._facts: list[VersionFacts] = []
        self._changes: list[ChangeRecord] = []

    async def build(self) -> None:
        with ui.element("div").classes("full") as self._top:
            pass
        await TrainingPanel(self._visitor, self.show).build()
        with ui.element("div").classes("full") as self._bottom:
            pass
        await self.show()

    async def show(self) -> None:
        """Draw everything but the training anew."""
        registry = self._visitor.parts.registry
        versions = await asyncio.to_thread(registry.versions)
        self._changes = await asyncio.to_thread(registry.changes, _CHANGES)
        self._facts = await asyncio.to_thread(version_facts, versions)
        words = self._visitor.words
        self._top.clear()
        self._bottom.clear()
        with self._top:
            if not versions:
                nothing(words("models.none"), words("models.none.text"), "model_training")
                return
            paragraph(words("models.text")).classes("soft")
            self._versions()
        with self._bottom:
            self._details()
            self._log()

    def _versions(self) -> None:
        words, facts = self._visitor.words, self._facts
        shown = [name for name in _SHOWN if any(one.of_blend(name) for one in facts)]
        rows = [
            [
                str(one.version.version),
                words.or_as_it_is(f"model.{one.version.state}", one.version.state),
                one.name,
                moment(one.version.created, words),
                *(interval_text(name, one.of_blend(name)) for name in shown),
                interval_text("coverage", one.coverage),
            ]
            for one in facts
        ]
        head = [words(f"models.head.{name}") for name in ("version", "state", "bundle", "created")]
        head += [words(f"measure.{name}") for name in (*shown, "coverage")]
        with ui.element("section").classes("panel"):
            heading(words("models.versions"), 2)
            numbers = (0, *range(4, 5 + len(shown)))
            table(head, rows, words("models.versions"), numbers=numbers, actions=self._actions)
            for version, why in self._visitor.parts.models.problems.items():
                paragraph(words("models.problem", version=version, why=why)).classes("warn")
            if self._visitor.may(Role.approver) and sum(_was_active(one) for one in facts) > 1:
                registry = self._visitor.parts.registry
                self._button("models.rollback", Role.approver, lambda c: registry.roll_back(c.name))

    def _actions(self, at: int) -> None:
        registry, version = self._visitor.parts.registry, self._facts[at].version.version
        state, may = self._facts[at].version.state, self._visitor.may
        if state in ("canary", "shadow"):
            if may(Role.approver):
                self._button("models.stop", Role.approver, lambda c: registry.stop(version, c.name))
            return
        if state == "active":
            return
        if may(Role.analyst):
            self._button("models.shadow", Role.analyst, lambda c: registry.shadow(version, c.name))
        if may(Role.approver):
            self._button("models.promote", Role.approver, lambda c: registry.promote(version, c.name))

    def _details(self) -> None:
        words, facts = self._visitor.words, self._facts
        by_number = {one.version.version: one for one in facts}
        active = next((one for one in facts if one.version.state == "active"), facts[0])
        other = next((one for one in facts if one is not active), active)
        names = {number: f"{number} · {one.name}" for number, one in by_number.items()}
        with ui.element("section").classes("panel"):
            heading(words("models.measured"), 2)
            chosen = _choice(names, active.version.version, words("models.head.version"))
            with ui.element("div").classes("full") as place:
                show_version(self._visitor, active)

            def measured() -> None:
                place.clear()
                with place:
                    show_version(self._visitor, by_number[chosen.value])

            chosen.on_value_change(measured)
        if len(facts) > 1:
            with ui.element("section").classes("panel"):
                heading(words("models.compare"), 2)
                with ui.row().classes("bar"):
                    left = _choice(names, active.version.version, words("models.compare.one"))
                    right = _choice(names, other.version.version, words("models.compare.other"))
                with ui.element("div").classes("full") as beside:
                    show_comparison(self._visitor, active, other, self._changes)

                def compared() -> None:
                    beside.clear()
                    pair = by_number[left.value], by_number[right.value]
                    with beside:
                        show_comparison(self._visitor, *pair, self._changes)

                left.on_value_change(compared)
                right.on_value_change(compared)

    def _log(self) -> None:
        words = self._visitor.words
        with ui.element("section").classes("panel"):
            heading(words("models.changes"), 2)
            head = [words(f"models.head.{name}") for name in ("at", "actor", "action", "version", "note")]
            lines: Sequence[Sequence[str]] = [
                [moment(one.at, words), one.actor, one.action, str(one.version), one.note]
                for one in self._changes[:_LATEST]
            ]
            table(head, lines, words("models.changes"), numbers=(3,))

    def _button(self, key: str, role: Role, work: Callable[[Caller], Any]) -> None:
        async def clicked() -> None:
            if await self._visitor.act(role, work) is not None:
                await self._visitor.parts.models.refresh()
                self._visitor.tell(self._visitor.words("done"))
                await self.show()

        ui.button(self._visitor.words(key), on_click=clicked).props("flat dense no-caps")


def _was_active(one: VersionFacts) -> bool:
    return one.version.promoted is not None


def _choice(names: dict[int, str], value: int, label: str) -> ui.select:
    return (
        ui.select(names, value=value, label=label)
        .props("outlined dense")
        .style("align-self: flex-start; min-width: 240px")
    )
