"""The table of stock, ten thousand products smooth: the browser fetches its rows and draws those in sight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from pricelm.services.stock_view import STEPS, StockOverview
from pricelm.services.stocking import StockTerms
from pricelm.web.console.visitor import Visitor

_SCRIPT = (Path(__file__).parent / "stock.js").read_text(encoding="utf-8")
_STYLE = """.stock-table .ag-cell, .stock-table .ag-header-cell { padding-left: 10px; padding-right: 10px; }
.stock-table .ag-header-cell-text { line-height: 1.2; }
@page { size: landscape; }
@media print { .stock-table .grid { height: auto !important; }
  .stock-table .ag-root-wrapper { border: 0; } }"""
_MOST_PRINTED = 500


class StockTable:
    """The table of stock.

    Parameters
    ----------
    visitor : Visitor
        Who looks at it.
    """

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._grid: ui.aggrid | None = None
        self.step = ""
        labels = {f"stock.step.{one}": visitor.words(f"stock.step.{one}") for one in STEPS}
        settings = _script_json({"labels": labels, "locale": visitor.words.language})
        ui.add_head_html(
            f"<style>{_STYLE}</style><script>{_SCRIPT}\nwindow.pricelmWork = {settings};</script>"
        )

    def show(self, found: StockOverview, terms: StockTerms) -> None:
        """Build the table, or let the one that stands fetch its rows again."""
        settings = {
            "url": f"{self._visitor.path('data', 'stock')}?{urlencode(asked(terms))}",
            "product": self._visitor.path("product", found.batch) if found.batch is not None else "",
            "currency": found.currency,
            "step": self.step,
        }
        if self._grid is None:
            with ui.element("div").classes("work stock-table"):
                self._grid = ui.aggrid(self._options(settings), auto_size_columns=False).classes("grid")
        else:
            ui.run_javascript(f"Object.assign(pricelmWork, {_script_json(settings)}); pricelmLoad()")

    def _options(self, settings: dict[str, Any]) -> dict[str, Any]:
        words = self._visitor.words

        def column(field: str, name: str = "", **more: Any) -> dict[str, Any]:
            return {"field": field, "headerName": words(name or f"stock.column.{field}"), **more}

        def right(width: int, form: str) -> dict[str, Any]:
            return {"type": "rightAligned", "width": width, ":valueFormatter": form}

        return {
            "columnDefs": [
                column(
                    "title", "column.title", flex=4, minWidth=200, **{":cellRenderer": "pricelmStockName"}
                ),
                column("step", width=108, **{":valueFormatter": "pricelmLabel('stock.step')"}),
                column(
                    "order", **right(88, "pricelmDecimals(0)"), cellClass=["ag-right-aligned-cell", "strong"]
                ),
                column("cost", **right(124, "pricelmMoney")),
                column("date", width=110),
                column("cover", **right(116, "pricelmCover")),
                column("on_hand", **right(84, "pricelmDecimals(0)")),
                column("units", **right(100, "pricelmDemand")),
                column("safety", **right(84, "pricelmDecimals(0)")),
                column("point", **right(84, "pricelmDecimals(0)")),
                column("risk", **right(84, "pricelmRisk")),
                column("why", "column.why", width=420, **{":tooltipValueGetter": "p => p.value"}),
            ],
            "defaultColDef": {
                "sortable": True,
                "resizable": True,
                "filter": True,
                "suppressHeaderMenuButton": True,
                "suppressHeaderFilterButton": True,
                "wrapHeaderText": True,
                "autoHeaderHeight": True,
            },
            # a message of its own could come later than the table
            "context": settings,
            ":getRowId": "p => p.data.sku",
            ":onGridReady": "pricelmStockReady",
            "rowHeight": 40,
            "tooltipShowDelay": 400,
            "overlayNoRowsTemplate": words("stock.none"),
            "overlayLoadingTemplate": words("loading"),
            "rowData": None,
        }

    def search(self, text: str) -> None:
        """Show only rows that hold these words."""
        if self._grid is not None:
            self._grid.run_grid_method("setGridOption", "quickFilterText", text)

    def only(self, step: str) -> None:
        """Show only rows of this urgency; empty for all."""
        self.step = step
        if self._grid is not None:
            ui.run_javascript(f"pricelmStockStep({json.dumps(step)})")

    def print(self) -> None:
        """Print the rows that are shown."""
        text = self._visitor.words("stock.print.many", count=_MOST_PRINTED)
        ui.run_javascript(f"pricelmPrintTable({_MOST_PRINTED}, {json.dumps(text)})")


def asked(terms: StockTerms) -> dict[str, float]:
    """Return the terms as an address says them."""
    return {"review_days": terms.review_days, "holding_rate": terms.holding_rate}


def _script_json(value: Any) -> str:
    """Return JSON that cannot end the script that it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
