"""What stands where there is nothing to show: nothing yet, or something wrong; and headings."""

from __future__ import annotations

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement


def heading(text: str, level: int = 1) -> TextElement:
    """Return a heading of a level, 1 to 3."""
    return TextElement(tag=f"h{level}", text=text)


def paragraph(text: str) -> TextElement:
    """Return a paragraph."""
    return TextElement(tag="p", text=text)


def problem(title: str, text: str, icon: str = "error") -> None:
    """Say that something is wrong, and what to do."""
    with ui.element("section").props('role="alert"').classes("state bad"):
        ui.icon(icon).props('aria-hidden="true"')
        heading(title)
        paragraph(text).classes("soft")


def nothing(title: str, text: str, icon: str = "inbox") -> ui.element:
    """Say that there is nothing yet, and what would change that; return the place for a way on."""
    section = ui.element("section").classes("state")
    with section:
        ui.icon(icon).props('aria-hidden="true"')
        heading(title, 2)
        paragraph(text).classes("soft")
    return section
