"""Rules: read and change them, with what is wrong and how many prices would change before anything does."""

from __future__ import annotations

import asyncio

from nicegui import ui

from pricelm.services.rule_history import put_rules_in_force, rule_versions, rules_in_force, rules_of_version
from pricelm.services.rule_preview import RulePreview, preview_rules
from pricelm.services.service_keys import Role
from pricelm.web.console.formats import amount, moment, whole
from pricelm.web.console.states import heading, paragraph
from pricelm.web.console.tables import table
from pricelm.web.console.visitor import Visitor

_EMPTY = "version: 1\nrules: []\n"


async def build(visitor: Visitor) -> None:
    """Build the page."""
    heading(visitor.words("nav.rules"))
    paragraph(visitor.words("rules.text")).classes("soft")
    await _Rules(visitor).build()


class _Rules:
    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor

    async def build(self) -> None:
        visitor, words = self._visitor, self._visitor.words
        text = await asyncio.to_thread(rules_in_force, visitor.store)
        may = visitor.may(Role.analyst)
        with ui.element("div").classes("columns"):
            with ui.element("section").classes("panel wide"):
                heading(words("rules.editor"), 2)
                self._editor = ui.textarea(words("rules.yaml"), value=text or _EMPTY)
                self._editor.props("outlined input-class=code spellcheck=false rows=18").classes("full")
                self._editor.set_enabled(may)
                with ui.row().classes("bar"):
                    if may:
                        ui.button(words("rules.preview"), icon="visibility", on_click=self._preview).props(
                            "outline no-caps"
                        )
                    if visitor.may(Role.approver):
                        self._note = ui.input(words("rules.note")).props('outlined dense maxlength="300"')
                        ui.button(words("rules.save"), icon="gavel", on_click=self._save).props(
                            "unelevated no-caps color=primary"
                        )
            with ui.element("section").classes("panel"):
                heading(words("rules.effect"), 2)
                with ui.element("div").classes("full").props('aria-live="polite"') as self._place:
                    paragraph(words("rules.effect.text")).classes("soft")
        self._versions_place = ui.element("section").classes("panel")
        await self._versions()

    async def _preview(self) -> None:
        text, lists = self._editor.value or "", self._visitor.parts.lists
        found = await self._visitor.act(Role.analyst, lambda _: preview_rules(lists, text))
        if found is None:
            return
        self._place.clear()
        with self._place:
            self._effect(found)

    def _effect(self, found: RulePreview) -> None:
        words = self._visitor.words
        paragraph(words("rules.count", count=found.rules))
        for finding in found.findings:
            with ui.element("div").classes("finding").props('role="alert"'):
                ui.label(f"{', '.join(finding.rules)}: {finding.message}")
        if not found.findings:
            paragraph(words("rules.sound")).classes("good")
        if found.batch is None:
            return
        if found.relax:
            paragraph(words("rules.infeasible", rules=", ".join(found.relax))).classes("warn")
            return
        currency = self._visitor.parts.lists.work_list(found.batch).batch.currency
        paragraph(
            words("rules.changed", changed=whole(found.changed, words), products=whole(found.products, words))
        ).classes("strong")
        paragraph(
            words(
                "rules.gain",
                before=amount(found.gain_before, currency, words),
                after=amount(found.gain_after, currency, words),
            )
        )
        if found.held:
            rows = [[rule, whole(count, words)] for rule, count in found.held.items()]
            table([words("column.rules"), words("rules.products")], rows, words("rules.held"), numbers=(1,))
        if found.examples:
            rows = [
                [sku, amount(before, currency, words), amount(after, currency, words)]
                for sku, before, after in found.examples
            ]
            head = [words("column.title"), words("rules.before"), words("rules.after")]
            table(head, rows, words("rules.examples"), numbers=(1, 2))

    async def _save(self) -> None:
        text, note, store = self._editor.value or "", (self._note.value or "").strip(), self._visitor.store
        done = await self._visitor.act(
            Role.approver, lambda caller: put_rules_in_force(store, text, caller.name, note)
        )
        if done is not None:
            self._visitor.tell(self._visitor.words("rules.saved", version=done.version))
            await self._versions()

    async def _versions(self) -> None:
        words = self._visitor.words
        known = await asyncio.to_thread(rule_versions, self._visitor.store, 20)
        self._versions_place.clear()
        with self._versions_place:
            heading(words("rules.versions"), 2)
            if not known:
                paragraph(words("rules.none")).classes("soft")
                return
            rows = [
                [str(one.version), moment(one.at, words), one.actor, whole(one.rules, words), one.note]
                for one in known
            ]
            head = [words(f"rules.head.{name}") for name in ("version", "at", "actor", "rules", "note")]

            def restore(place: int) -> None:
                ui.button(words("rules.open"), on_click=lambda: self._open(known[place].version)).props(
                    "flat dense no-caps"
                )

            table(head, rows, words("rules.versions"), numbers=(0, 3), actions=restore)

    async def _open(self, version: int) -> None:
        store = self._visitor.store
        text = await self._visitor.act(Role.viewer, lambda _: rules_of_version(store, version))
        if text is not None:
            self._editor.set_value(text)
