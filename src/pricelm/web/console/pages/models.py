"""Models: every version with what it was measured at; promote, try out, roll back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nicegui import ui

from pricelm.services.model_registry import VersionRecord
from pricelm.services.service_keys import Caller, Role
from pricelm.web.console.formats import moment
from pricelm.web.console.states import heading, nothing, paragraph
from pricelm.web.console.tables import table
from pricelm.web.console.visitor import Visitor

_MOST_BYTES = 2_000_000
_MEASURES = ("mdape", "rmsle", "r2_log")
_SHARES = ("mdape", "coverage")


async def build(visitor: Visitor) -> None:
    """Build the page."""
    heading(visitor.words("nav.models"))
    place = ui.element("div").classes("full")
    await _show(visitor, place)


async def _show(visitor: Visitor, place: ui.element) -> None:
    words, registry = visitor.words, visitor.parts.registry
    versions = await asyncio.to_thread(registry.versions)
    changes = await asyncio.to_thread(registry.changes, 20)
    measured = await asyncio.to_thread(lambda: [_measures(one.bundle) for one in versions])
    place.clear()
    with place:
        if not versions:
            nothing(words("models.none"), words("models.none.text"), "model_training")
            return
        paragraph(words("models.text")).classes("soft")
        shown = [name for name in (*_MEASURES, "coverage") if any(name in found for found in measured)]
        rows = [
            [
                str(one.version),
                words.or_as_it_is(f"model.{one.state}", one.state),
                one.bundle.name,
                moment(one.created, words),
                *(_number(name, found.get(name)) for name in shown),
            ]
            for one, found in zip(versions, measured, strict=True)
        ]
        head = [words(f"models.head.{name}") for name in ("version", "state", "bundle", "created")]
        head += [words.or_as_it_is(f"measure.{name}", name) for name in shown]

        def actions(at: int) -> None:
            _actions(visitor, place, versions[at])

        with ui.element("section").classes("panel"):
            heading(words("models.versions"), 2)
            numbers = (0, *range(4, 4 + len(shown)))
            table(head, rows, words("models.versions"), numbers=numbers, actions=actions)
            for version, why in visitor.parts.models.problems.items():
                paragraph(words("models.problem", version=version, why=why)).classes("warn")
            if visitor.may(Role.approver) and sum(one.promoted is not None for one in versions) > 1:
                _button(
                    visitor, place, "models.rollback", Role.approver, lambda c: registry.roll_back(c.name)
                )
        with ui.element("section").classes("panel"):
            heading(words("models.changes"), 2)
            head = [words(f"models.head.{name}") for name in ("at", "actor", "action", "version", "note")]
            lines = [
                [moment(one.at, words), one.actor, one.action, str(one.version), one.note] for one in changes
            ]
            table(head, lines, words("models.changes"), numbers=(3,))


def _actions(visitor: Visitor, place: ui.element, one: VersionRecord) -> None:
    registry, version = visitor.parts.registry, one.version
    if one.state in ("canary", "shadow"):
        if visitor.may(Role.approver):
            _button(visitor, place, "models.stop", Role.approver, lambda c: registry.stop(version, c.name))
        return
    if one.state == "active":
        return
    if visitor.may(Role.analyst):
        _button(visitor, place, "models.shadow", Role.analyst, lambda c: registry.shadow(version, c.name))
    if visitor.may(Role.approver):
        _button(visitor, place, "models.promote", Role.approver, lambda c: registry.promote(version, c.name))


def _button(visitor: Visitor, place: ui.element, key: str, role: Role, work: Callable[[Caller], Any]) -> None:
    async def clicked() -> None:
        if await visitor.act(role, work) is not None:
            await visitor.parts.models.refresh()
            visitor.tell(visitor.words("done"))
            await _show(visitor, place)

    ui.button(visitor.words(key), on_click=clicked).props("flat dense no-caps")


def _measures(bundle: Path) -> dict[str, Any]:
    """Return what a bundle was measured at, nothing where that cannot be read."""
    path = bundle / "model.json"
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        document = json.loads(path.read_text(encoding="utf-8"))
        blend = document["metrics"]["metrics"]["blend"]
        return {name: blend[name][0] for name in _MEASURES} | {"coverage": document["metrics"]["coverage"][0]}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _number(name: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return "–"
    return f"{value:.1%}" if name in _SHARES else f"{value:.3f}"
