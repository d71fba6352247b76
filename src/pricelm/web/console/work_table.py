"""The table of recommendations: rows are fetched by the browser and drawn as they come into sight."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nicegui import ui

from pricelm.web.console.visitor import Visitor

STATES = ("waiting", "look", "hold", "approved", "rejected", "applying", "applied", "stale", "rolled back")
_ACTIONS = ("raise", "lower", "hold", "test first", "review")


class WorkTable:
    """A table of one plan.

    Parameters
    ----------
    visitor : Visitor
        Who looks at it.
    batch : int
        The plan.
    currency : str
        Of its prices.
    """

    def __init__(self, visitor: Visitor, batch: int, currency: str) -> None:
        self._visitor, self._batch, self._currency = visitor, batch, currency
        self.step, self.action = "", ""

    def build(self, on_choice: Callable[[int], None]) -> None:
        """Build it; ``on_choice`` is told how many rows are chosen."""
        words = self._visitor.words
        labels = {f"step.{one}": words(f"step.{one}") for one in STATES}
        labels |= {f"action.{one}": words(f"action.{one}") for one in _ACTIONS}
        settings = {
            "url": self._visitor.path("data", "batches", self._batch),
            "product": self._visitor.path("product", self._batch),
            "labels": labels,
            "locale": words.language,
            "currency": self._currency,
            "step": self.step,
        }
        ui.add_head_html(f"<script>window.pricelmWork = {_script_json(settings)};</script>")
        with ui.element("div").classes("work"):
            self._grid = ui.aggrid(self._options(), auto_size_columns=False).classes("grid")
        self._grid.on("selectionChanged", lambda event: on_choice(int(event.args)), js_handler=_COUNT)

    def _options(self) -> dict[str, Any]:
        words = self._visitor.words

        def column(field: str, **more: Any) -> dict[str, Any]:
            return {"field": field, "headerName": words(f"column.{field}"), **more}

        number = {"type": "rightAligned", "width": 112}
        return {
            "columnDefs": [
                column("title", flex=4, minWidth=170, **{":cellRenderer": "pricelmProduct"}),
                column("category", width=150, hide=True),
                column("action", width=92, **{":valueFormatter": "pricelmLabel('action')"}),
                column("current", **number, **{":valueFormatter": "pricelmMoney"}),
                column(
                    "price",
                    **number,
                    cellClass="ag-right-aligned-cell strong",
                    **{":valueFormatter": "pricelmMoney"},
                ),
                column("change", **(number | {"width": 92}), **{":valueFormatter": "pricelmShare"}),
                column(
                    "gain", **(number | {"width": 124}), sort="desc", **{":valueFormatter": "pricelmMoney"}
                ),
                column("rules", width=150, hide=True),
                column("step", width=104, **{":valueFormatter": "pricelmLabel('step')"}),
                column("why", flex=3, minWidth=220, **{":tooltipValueGetter": "p => p.value"}),
            ],
            "defaultColDef": {
                "sortable": True,
                "resizable": True,
                "filter": True,
                "suppressHeaderMenuButton": True,
                "suppressHeaderFilterButton": True,
            },
            "rowSelection": {"mode": "multiRow", "selectAll": "filtered", "enableClickSelection": False},
            ":getRowId": "p => String(p.data.id)",
            ":onGridReady": "pricelmReady",
            "rowHeight": 40,
            "headerHeight": 38,
            "tooltipShowDelay": 400,
            "overlayNoRowsTemplate": words("today.none"),
            "overlayLoadingTemplate": words("loading"),
            "rowData": None,
        }

    def search(self, text: str) -> None:
        """Show only rows that hold these words."""
        self._grid.run_grid_method("setGridOption", "quickFilterText", text)

    def only(self, *, step: str | None = None, action: str | None = None) -> None:
        """Show only rows in a step, or of an action; empty for all."""
        self.step = self.step if step is None else step
        self.action = self.action if action is None else action
        chosen = {name: value for name, value in (("step", self.step), ("action", self.action)) if value}
        self._grid.run_grid_method(
            "setFilterModel",
            {
                name: {"filterType": "text", "type": "equals", "filter": value}
                for name, value in chosen.items()
            },
        )

    def export(self) -> None:
        """Let the browser save what is shown."""
        ui.run_javascript(f'pricelmExport("pricelm-plan-{self._batch}.csv")')

    def reload(self) -> None:
        """Fetch the rows again."""
        ui.run_javascript("pricelmLoad()")

    async def chosen(self) -> list[str]:
        """Return the products that are chosen."""
        found = await ui.run_javascript("pricelmChosen()", timeout=10)
        return [str(one) for one in found]


_COUNT = "() => emit(pricelmChosen().length)"


def _script_json(value: Any) -> str:
    """Return JSON that cannot end the script that it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
