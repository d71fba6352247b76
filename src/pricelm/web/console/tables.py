"""Small tables of text, as plain HTML that a screen reader knows what to do with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: str,
    *,
    numbers: Sequence[int] = (),
    actions: Callable[[int], None] | None = None,
) -> None:
    """Build a table.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    rows : sequence of sequences of str
        Cells.
    caption : str
        What it is, for who cannot see it.
    numbers : sequence of int
        Columns that stand to the right.
    actions : callable, optional
        Builds what stands at the end of a row; takes its place.
    """
    scroll = ui.element("div").props(f'tabindex="0" role="region" aria-label="{caption}"').classes("scroll")
    with scroll, ui.element("table").classes("plain"):
        with ui.element("thead"), ui.element("tr"):
            for place, name in enumerate(head):
                TextElement(tag="th", text=name).props('scope="col"').classes(
                    "number" if place in numbers else ""
                )
            if actions is not None:
                TextElement(tag="td", text="")
        with ui.element("tbody"):
            for place, row in enumerate(rows):
                with ui.element("tr"):
                    for column, cell in enumerate(row):
                        TextElement(tag="td", text=cell).classes("number" if column in numbers else "")
                    if actions is not None:
                        with ui.element("td").classes("actions"):
                            actions(place)
