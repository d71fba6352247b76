"""The demo's story in a terminal: a short screen a chapter, each with the command that does the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pricelm.services.story_chapters import Chapter

_TEXTS = ("product", "store", "policy", "prices, week by week", "held by", "week")


def story_view(chapters: Sequence[Chapter]) -> RenderableType:
    """Draw all chapters."""
    parts: list[RenderableType] = []
    for chapter in chapters:
        parts += [Text(chapter.title, style="bold"), Padding(_chapter(chapter), (0, 0, 1, 2))]
    return Group(*parts)


def _chapter(chapter: Chapter) -> RenderableType:
    parts: list[RenderableType] = [Text(f"$ {chapter.command}", style="cyan", overflow="fold")]
    parts += [Text(line) for line in chapter.said]
    if chapter.table:
        parts.append(_table(chapter.table))
    return Group(*parts)


def _table(lines: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, name in enumerate(lines[0]):
        table.add_column(
            name,
            justify="left" if name in _TEXTS else "right",
            no_wrap=True,
            overflow="ellipsis",
            max_width=28 if number == 0 else None,
        )
    for line in lines[1:]:
        table.add_row(*map(Text, line))
    return table
