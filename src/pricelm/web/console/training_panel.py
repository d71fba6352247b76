"""Training from the console: choose listings and a preset, watch it, see what the new version is worth."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from nicegui import events, ui

from pricelm.services.listing_preview import PREVIEW_ROLES, ListingPreview, preview_listings
from pricelm.services.service_keys import Caller, Role
from pricelm.services.store_listings import count_store_listings
from pricelm.services.training_folder import TrainingOrder
from pricelm.services.training_labels import review_labels
from pricelm.services.training_runs import TrainingRun, TrainingRuns, memory_limit
from pricelm.services.version_facts import version_facts
from pricelm.web.console.charts import loss_chart
from pricelm.web.console.figures import figures
from pricelm.web.console.formats import duration, moment_of, whole
from pricelm.web.console.states import heading, paragraph
from pricelm.web.console.uploads import file_button
from pricelm.web.console.version_tables import interval_text
from pricelm.web.console.visitor import Visitor

_KINDS = ".csv,.tsv,.jsonl,.parquet,.xlsx"
_PRESETS = ("fast", "balanced", "best")
_LOOK_SECONDS = 1.0
_LAST_LINES = 6
_LEFT = "align-self: flex-start"


class TrainingPanel:
    """A section of the page of models.

    Parameters
    ----------
    visitor : Visitor
        Who looks.
    changed : callable
        Draws the versions anew.
    """

    def __init__(self, visitor: Visitor, changed: Callable[[], Awaitable[None]]) -> None:
        self._visitor, self._changed = visitor, changed
        folder = visitor.parts.settings.models_folder
        self._runs = TrainingRuns(folder, visitor.store_url) if folder else None
        self._seen: tuple[str, str] | None = None
        self._upload: tuple[str, bytes] | None = None
        self._roles: dict[str, ui.select] = {}
        self._preview: ListingPreview | None = None

    async def build(self) -> None:
        """Build the section; it follows the training by itself."""
        words = self._visitor.words
        with ui.element("section").classes("panel"):
            heading(words("training.title"), 2)
            if self._runs is None:
                paragraph(words("training.nowhere")).classes("soft")
                return
            with ui.element("div").classes("full") as self._place:
                await self._draw(await self._latest())
            ui.timer(_LOOK_SECONDS, self._look)

    async def _latest(self) -> TrainingRun | None:
        assert self._runs is not None
        found = await asyncio.to_thread(self._runs.all, 1)
        return found[0] if found else None

    async def _look(self) -> None:
        run = await self._latest()
        if (None if run is None else (run.name, run.state)) != self._seen:
            was_running = self._seen is not None and self._seen[1] == "running"
            with self._place:
                await self._draw(run)
            if was_running:
                await self._changed()
        elif run is not None and run.state == "running":
            await self._update(run)

    async def _draw(self, run: TrainingRun | None) -> None:
        self._seen = None if run is None else (run.name, run.state)
        form = await self._form_facts() if run is None or run.state != "running" else None
        self._place.clear()
        with self._place:
            if run is not None and run.state == "running":
                await self._running(run)
                return
            if run is not None:
                self._outcome(run)
            if form is not None and self._visitor.may(Role.analyst):
                self._form(*form)
            elif run is None:
                paragraph(self._visitor.words("training.ask")).classes("soft")

    async def _running(self, run: TrainingRun) -> None:
        words = self._visitor.words
        facts = {"name": run.name, "actor": run.order.actor, "at": moment_of(run.order.begun)}
        paragraph(words("training.begun", **facts)).classes("soft")
        with ui.element("div").classes("full").props('aria-live="polite"'):
            self._stage = ui.label().classes("strong")
        self._bar = ui.linear_progress(value=0, show_value=False, size="10px").props(
            f'rounded aria-label="{words("training.progress")}"'
        )
        self._steps = ui.label().classes("soft")
        self._chart = (
            ui.echart(loss_chart([], words))
            .classes("chart short")
            .props(f'role="img" aria-label="{words("training.loss")}"')
        )
        self._chart.set_visibility(False)
        self._said = ui.element("ul").classes("verdicts soft")
        if self._visitor.may(Role.analyst):
            ui.button(words("training.stop"), icon="stop", on_click=lambda: self._stop(run.name)).props(
                "outline no-caps color=negative"
            ).style(_LEFT)
        await self._update(run)

    async def _update(self, run: TrainingRun) -> None:
        words = self._visitor.words
        assert self._runs is not None
        self._stage.set_text(_stage(run, self._visitor))
        self._bar.set_value(run.done / run.total if run.total else 0)
        self._bar.props("indeterminate" if not run.total else "", remove="indeterminate" if run.total else "")
        parts = [words("training.spent", time=duration(run.seconds))]
        if run.total:
            parts.append(words("training.steps", done=whole(run.done, words), total=whole(run.total, words)))
        if run.note:
            parts.append(run.note)
        if run.seconds_left is not None:
            parts.append(words("training.left", time=duration(run.seconds_left)))
        self._steps.set_text(" · ".join(parts))
        self._said.clear()
        with self._said:
            for line in run.said[-_LAST_LINES:]:
                with ui.element("li"):
                    ui.label(line)
        losses = await asyncio.to_thread(self._runs.losses, run.name)
        self._chart.set_visibility(bool(losses))
        if losses:
            self._chart.options.update(loss_chart(losses, words))
            self._chart.update()

    def _outcome(self, run: TrainingRun) -> None:
        words = self._visitor.words
        if run.state != "finished" or run.result is None:
            key = "training.cancelled" if run.state == "cancelled" else "training.failed"
            with ui.element("div").classes("full").props('role="status"'):
                paragraph(words(key, name=run.name, reason=run.reason)).classes("warn")
                if run.said:
                    paragraph(words("training.last", line=run.said[-1])).classes("soft")
                stage = _stage(run, self._visitor)
                if stage:
                    paragraph(words("training.at", stage=stage)).classes("soft")
            if self._visitor.may(Role.analyst):
                ui.button(
                    words("training.again"), icon="replay", on_click=lambda: self._again(run.name)
                ).props("outline no-caps").style(_LEFT)
            return
        version, labels = int(run.result.get("version", 0)), dict(run.result.get("labels") or {})
        used = int(labels.get("added", 0)) + int(labels.get("replaced", 0))
        with ui.element("div").classes("full").props('role="status"'):
            facts = {"version": version, "rows": whole(int(run.result.get("rows", 0)), words)}
            time = duration(run.seconds)
            paragraph(words("training.finished", **facts, time=time)).classes("why")
            if used:
                paragraph(words("training.labels", count=whole(used, words))).classes("soft")
            self._beside(version)

    def _beside(self, version: int) -> None:
        """Show the error of the new version beside that of the active one, and offer to promote it."""
        words, registry = self._visitor.words, self._visitor.parts.registry
        facts = version_facts(registry.versions())
        new = next((one for one in facts if one.version.version == version), None)
        active = next((one for one in facts if one.version.state == "active"), None)
        if new is None or new is active:
            return
        sides = ((new, "training.new"), (active, "training.active"))
        figures(
            [
                (
                    words(key, version=one.version.version),
                    interval_text("mdape", one.of_blend("mdape")),
                    words("measure.mdape"),
                )
                for one, key in sides
                if one is not None
            ]
        )
        if self._visitor.may(Role.approver):
            ui.button(
                words("training.promote", version=version),
                icon="upgrade",
                on_click=lambda: self._promote(version),
            ).props("unelevated no-caps color=primary").style(_LEFT)

    async def _form_facts(self) -> tuple[int, int]:
        url = self._visitor.store_url
        labels = await asyncio.to_thread(review_labels, url)
        return await asyncio.to_thread(count_store_listings, url), len(labels)

    def _form(self, in_store: int, labels: int) -> None:
        words = self._visitor.words
        heading(words("training.new_one"), 3)
        paragraph(words("training.text")).classes("soft")
        if labels:
            paragraph(words("training.with_labels", labels=whole(labels, words))).classes("soft")
        sources = {"store": words("training.store", count=whole(in_store, words))} if in_store else {}
        sources["upload"] = words("training.upload")
        self._source = ui.radio(sources, value=next(iter(sources)))
        with ui.element("div").classes("full") as self._own:
            file_button(self._visitor, words("training.file"), _KINDS, self._uploaded)
            self._mapping = ui.element("div").classes("figures")
        self._own.bind_visibility_from(self._source, "value", value="upload")
        with ui.row().classes("bar"):
            presets = {one: words(f"preset.{one}") for one in _PRESETS}
            self._preset = ui.select(presets, value="balanced", label=words("training.preset"))
            self._preset.props("outlined dense").style("min-width: 220px")
            self._currency = ui.input(words("training.currency")).props('outlined dense maxlength="3"')
            ui.button(words("training.start"), icon="play_arrow", on_click=self._start).props(
                "unelevated no-caps color=primary"
            )

    async def _uploaded(self, event: events.UploadEventArguments) -> None:
        suffix = Path(event.file.name).suffix.lower()
        content = await event.file.read()

        def look(_: Caller) -> ListingPreview:
            with tempfile.TemporaryDirectory(prefix="pricelm-upload-") as folder:
                file = Path(folder) / f"listings{suffix[:10]}"
                file.write_bytes(content)
                return preview_listings(file)

        found = await self._visitor.act(Role.analyst, look)
        if found is None:
            return
        self._upload, self._preview = (suffix, content), found
        words = self._visitor.words
        nothing = {"": words("training.no_column")}
        self._mapping.clear()
        self._roles = {}
        with self._mapping:
            for role in PREVIEW_ROLES:
                options = nothing | {name: name for name in found.columns}
                chosen = ui.select(options, value=found.roles.get(role, ""), label=words(f"role_of.{role}"))
                self._roles[role] = chosen.props("outlined dense").classes("full")
        self._visitor.tell(words("training.read", columns=len(found.columns)))

    async def _start(self) -> None:
        words, settings, runs = self._visitor.words, self._visitor.parts.settings, self._runs
        source, upload = str(self._source.value), self._upload
        assert runs is not None
        if source == "upload" and upload is None:
            self._visitor.warn(words("training.no_file"))
            return
        roles = self._chosen_roles() if source == "upload" else {}
        if source == "upload" and "price" not in roles:
            self._visitor.warn(words("training.no_price"))
            return
        preset, currency = str(self._preset.value), (self._currency.value or "").strip().upper()

        def start(caller: Caller) -> str:
            order = TrainingOrder(
                caller.name,
                source,
                "",
                preset,
                roles,
                currency,
                settings.training_hours * 3600,
                memory_limit(settings.training_megabytes),
            )
            if source == "store" or upload is None:
                return runs.start(order)
            with tempfile.TemporaryDirectory(prefix="pricelm-upload-") as folder:
                file = Path(folder) / f"listings{upload[0][:10]}"
                file.write_bytes(upload[1])
                return runs.start(order, file)

        if await self._visitor.act(Role.analyst, start) is not None:
            await self._look()

    def _chosen_roles(self) -> dict[str, str | list[str]]:
        """Return what was chosen; a column that lost its role is not used."""
        assert self._preview is not None
        chosen: dict[str, str | list[str]] = {
            role: str(select.value) for role, select in self._roles.items() if select.value
        }
        dropped = [name for name in self._preview.roles.values() if name not in chosen.values()]
        return chosen | ({"ignore": dropped} if dropped else {})

    async def _stop(self, name: str) -> None:
        runs = self._runs
        assert runs is not None

        def stop(caller: Caller) -> bool:
            runs.cancel(name, caller.name)
            return True

        if await self._visitor.act(Role.analyst, stop):
            self._visitor.tell(self._visitor.words("training.stopping"))

    async def _again(self, name: str) -> None:
        runs = self._runs
        assert runs is not None

        def again(caller: Caller) -> bool:
            runs.go_on(name, caller.name)
            return True

        if await self._visitor.act(Role.analyst, again):
            await self._look()

    async def _promote(self, version: int) -> None:
        registry = self._visitor.parts.registry
        done = await self._visitor.act(Role.approver, lambda c: registry.promote(version, c.name))
        if done is not None:
            await self._visitor.parts.models.refresh()
            self._visitor.tell(self._visitor.words("done"))
            with self._place:
                await self._draw(await self._latest())
            await self._changed()


def _stage(run: TrainingRun, visitor: Visitor) -> str:
    """Return what a training is doing, in the language of the visitor where it is known."""
    words = visitor.words
    for start, key in _STAGES.items():
        if run.stage.startswith(start):
            rest = run.stage.removeprefix(start).partition(" member")[0].strip()
            return words(key, name=rest)
    return run.stage or words("stage.starting")


_STAGES = {
    "reading ": "stage.reading",
    "checking ": "stage.checking",
    "the language model before": "stage.before",
    "tuning the language model": "stage.tuning",
    "fitting the ": "stage.fitting",
    "measuring ": "stage.measuring",
    "registering ": "stage.registering",
}
