"""What pages that plan something share: a row of figures, fields for the terms, a table that unfolds."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pricelm.web.console.markup import figure_list, written
from pricelm.web.console.tables import table
from pricelm.web.console.words import Words

_STYLE = """
.filters .term { flex: 0 1 158px; max-width: 175px; }
.actions { display: flex; gap: 4px; margin-left: auto; }
.busy { display: flex; gap: 10px; align-items: center; color: var(--soft); }
details summary { cursor: pointer; color: var(--accent); padding: 4px 0; display: list-item; }
.clipped td:first-child { max-width: 46ch; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.clipped td:nth-child(2) { min-width: 20ch; }
@media (max-width: 700px) { .filters .term { flex: 1 1 44%; max-width: none; }
  .clipped td:first-child { max-width: 18ch; } }
@media print { details::details-content { content-visibility: visible; display: block; height: auto; }
  summary, .busy { display: none !important; } }
"""


def add_plan_style() -> None:
    """Give the page what these parts look like."""
    ui.add_head_html(f"<style>{_STYLE}</style>")


def figures(shown: Sequence[tuple[str, str, str]]) -> None:
    """Build the figures.

    Parameters
    ----------
    shown : sequence of tuple of str
        What it is, the figure, and a hint or ``""``.
    """
    written(figure_list(shown))


def unfolding_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, words: Words, numbers: Sequence[int]
) -> None:
    """Build the table of a chart, folded: for those who cannot see the chart, and for print."""
    with ui.element("details").classes("full"):
        TextElement(tag="summary", text=words("as_table"))
        table(head, rows, caption, numbers=numbers)
