"""Small tables of text, as plain HTML that a screen reader knows what to do with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pricelm.web.console.markup import around, element, written


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
    with ui.element("div").props('tabindex="0" role="region"').classes("scroll") as scroll:
        scroll._props["aria-label"] = caption
        if actions is None:
            written(_plain(head, rows, numbers), "table").classes("plain")
        else:
            _with_actions(head, rows, numbers, actions)


def _plain(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> str:
    names = "".join(
        element("th", name, scope="col", class_=_class(place, numbers)) for place, name in enumerate(head)
    )
    lines = (
        "".join(element("td", cell, class_=_class(column, numbers)) for column, cell in enumerate(row))
        for row in rows
    )
    body = "".join(around("tr", line) for line in lines)
    return around("thead", around("tr", names)) + around("tbody", body)


def _with_actions(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int],
    actions: Callable[[int], None],
) -> None:
    with ui.element("table").classes("plain acting"):
        with ui.element("thead"), ui.element("tr"):
            for place, name in enumerate(head):
                TextElement(tag="th", text=name).props('scope="col"').classes(_class(place, numbers))
            TextElement(tag="td", text="")
        with ui.element("tbody"):
            for place, row in enumerate(rows):
                with ui.element("tr"):
                    for column, cell in enumerate(row):
                        TextElement(tag="td", text=cell).classes(_class(column, numbers))
                    with ui.element("td").classes("actions"):
                        actions(place)


def _class(column: int, numbers: Sequence[int]) -> str:
    return "number" if column in numbers else ""
