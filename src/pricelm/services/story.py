"""The story that the demo goes on with: an embedded shop sells, learns demand, and decides.

`CHAPTERS` is the list of chapters; each one runs what its command line runs, on files that stand beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pricelm.catalog.shop_sales import ABOUT, shop_sales
from pricelm.catalog.shops import Shop
from pricelm.core.protocols import Progress, Silence
from pricelm.services.outputs import replaced_file
from pricelm.services.story_chapters import (
    Chapter,
    Scene,
    demand_chapter,
    markdown_chapter,
    optimize_chapter,
    promote_chapter,
    rules_chapter,
    stock_chapter,
)
from pricelm.services.story_outlook import forecast_chapter, simulate_chapter

CHAPTERS: Mapping[str, Callable[[Scene, Progress], Chapter]] = {
    "demand": demand_chapter,
    "rules": rules_chapter,
    "optimize": optimize_chapter,
    "forecast": forecast_chapter,
    "promote": promote_chapter,
    "markdown": markdown_chapter,
    "stock": stock_chapter,
    "simulate": simulate_chapter,
}
"""What the shop does one after the other; a later chapter may build on the files of the earlier ones."""

FOLDER = "shop"
STORY = "story.json"
_RULES = """version: 1
rules:
  - id: margin
    kind: margin_floor
    margin_rate: 0.2
    priority: 90
    note: agreed with finance
  - {id: step, kind: maximum_step, up: 0.15, down: 0.15}
  - {id: nines, kind: price_ending, endings: [0.09], every: 0.1}
  - {id: rivals, kind: competitor_position, at_most: 1.1}
  - {id: units, kind: total_floor, measure: units, share_of_current: 0.97}
"""


def tell_story(
    shop: Shop, out: Path, *, model: Path | None = None, seed: int = 0, progress: Progress = Silence()
) -> list[Chapter]:
    """Write the shop's files, run all chapters on them, and keep what they said.

    Parameters
    ----------
    shop : Shop
        The embedded shop.
    out : pathlib.Path
        Folder of the demo; the files go to ``shop`` in it.
    model : pathlib.Path, optional
        Bundle that prices the products that have not sold yet.
    seed : int, default 0
        Seed of the draw.
    progress : Progress
        Told what happens.

    Returns
    -------
    list of Chapter
        In the order of `CHAPTERS`.

    Raises
    ------
    DataError
        If the shop has nothing to sell.
    OutputError
        If something cannot be written.
    """
    scene = Scene(out / FOLDER, shop_sales(shop, seed), model)
    _write_files(scene, shop)
    chapters = [chapter(scene, progress) for chapter in CHAPTERS.values()]
    with replaced_file(scene.folder / STORY) as draft:
        text = json.dumps(story_document(chapters), ensure_ascii=False, indent=1, allow_nan=False)
        draft.write_text(text + "\n", encoding="utf-8")
    return chapters


def story_document(chapters: Sequence[Chapter]) -> dict[str, Any]:
    """Return a story as JSON-ready values."""
    return {"about": ABOUT, "chapters": [chapter.to_dict() for chapter in chapters]}


def story_at_hand(out: Path) -> list[Chapter]:
    """Return the story that an earlier run has told.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        If it is not there, or not as `tell_story` writes it.
    """
    stored = json.loads((out / FOLDER / STORY).read_text(encoding="utf-8"))
    return [Chapter.from_dict(chapter) for chapter in stored["chapters"]]


def _write_files(scene: Scene, shop: Shop) -> None:
    tables: dict[str, pd.DataFrame] = {
        "sales.csv": scene.sold.sales,
        "products.csv": scene.sold.products,
        "truth.csv": scene.sold.truth,
        "new-products.csv": shop.new_listings,
    }
    for name, table in tables.items():
        with replaced_file(scene.file(name)) as draft:
            table.to_csv(draft, index=False, lineterminator="\n")
    with replaced_file(scene.file("rules.yaml")) as draft:
        draft.write_text(_RULES, encoding="utf-8")
