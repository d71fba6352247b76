"""The demo: an embedded shop, from listings to quotes and on to decisions; done once, then at hand."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

import pricelm
from pricelm.catalog.shops import Shop, load_shop
from pricelm.core.errors import BundleError
from pricelm.core.nouns import Quote
from pricelm.core.protocols import Progress, Silence
from pricelm.evaluation.report_data import QuotedListing, ReportChapter
from pricelm.models.bundle import load_model
from pricelm.models.price_model import PriceModel
from pricelm.services.outputs import replaced_file
from pricelm.services.quoting import quote_listings
from pricelm.services.rejections import RejectedRows
from pricelm.services.reporting import publish_report, quoted, report_data
from pricelm.services.story import CHAPTERS, FOLDER, story_at_hand, story_document, tell_story
from pricelm.services.story_chapters import Chapter
from pricelm.services.training import (
    TrainingOptions,
    check_place,
    drop_checkpoints,
    fit_and_measure,
    prepare,
    run_folder,
)

# What two cores tune in some three minutes, with and without bf16 in hardware.
_GROCERY_ROWS = {True: 6_000, False: 3_000}
_COMPARABLES = 3
# Enough test listings to tell predictors apart; a shop of its own would rather learn from them.
_TEST_SHARE = 0.2


@dataclass(frozen=True)
class DemoRequest:
    """What `run_demo` is asked for.

    Parameters
    ----------
    shop : {"grocery", "electronics"}, default "grocery"
        The embedded shop.
    out : pathlib.Path
        Folder of everything that is written.
    preset : str, default "balanced"
        As for training.
    seed : int, default 0
        Seed of everything random.
    retrain : bool, default False
        Train even if the model is there.
    """

    shop: str = "grocery"
    out: Path = Path("demo-output")
    preset: str = "balanced"
    seed: int = 0
    retrain: bool = False


@dataclass(frozen=True)
class DemoResult:
    """What the demo shows.

    Parameters
    ----------
    about : str
        Where the shop's data comes from.
    trained : bool
        False when the model was at hand.
    metrics : dict
        The evaluation as it was saved with the model, and its ``table``.
    quoted : list of QuotedListing
        The new products, with their quotes.
    bundle, report : pathlib.Path
        The model and its report.
    rejected : pathlib.Path or None
        Rows that could not be used.
    seconds : float
        Time of everything.
    chapters : list of Chapter
        What the shop does with it.
    """

    about: str
    trained: bool
    metrics: Mapping[str, Any]
    quoted: list[QuotedListing]
    bundle: Path
    report: Path
    rejected: Path | None
    seconds: float
    chapters: list[Chapter] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "about": self.about,
            "trained": self.trained,
            "evaluation": dict(self.metrics),
            "quotes": [{"title": one.title, **one.quote.to_dict()} for one in self.quoted],
            "model": str(self.bundle),
            "report": str(self.report),
            "rejected": str(self.rejected) if self.rejected else None,
            "story": story_document(self.chapters),
            "seconds": round(self.seconds, 1),
        }


def run_demo(request: DemoRequest, progress: Progress = Silence()) -> DemoResult:
    """Train on an embedded shop, price three new products and decide, unless that was done before.

    Parameters
    ----------
    request : DemoRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    DemoResult
        What is shown.

    Raises
    ------
    MissingExtraError
        If the shop's package or the training libraries are not installed.
    BundleError, OutputError
        If something cannot be written.
    TrainingStopped
        On Ctrl-C; the same request goes on from the last checkpoint.
    """
    started = time.monotonic()
    progress.start(f"opening the {request.shop} shop", 0)
    rows = _rows(request.shop, TrainingOptions(preset=request.preset))
    shop = load_shop(request.shop, rows=rows, seed=request.seed)
    progress.say(shop.about.split(". ", 1)[0])
    options = TrainingOptions(
        preset=request.preset, currency=shop.currency, test_share=_TEST_SHARE, seed=request.seed
    )
    marks = _marks(request, shop)
    known = None if request.retrain else _at_hand(request.out, marks, progress)
    if known is None:
        model, quotes, chapters = _train(request, shop, options, marks, progress)
    else:
        model, chapters = known
        progress.start("pricing three new products", 0)
        quotes = quote_listings(model, shop.new_listings, comparables=_COMPARABLES)
    rejected = request.out / "rejected.csv"
    return DemoResult(
        shop.about,
        known is None,
        model.metrics_,
        quoted(shop.new_listings, model, quotes),
        _bundle(request.out),
        _report(request.out),
        rejected if rejected.exists() else None,
        time.monotonic() - started,
        chapters,
    )


def _bundle(out: Path) -> Path:
    return out / "model"


def _report(out: Path) -> Path:
    return out / "report.html"


def _rows(shop: str, options: TrainingOptions) -> int | None:
    if shop != "grocery" or "language" not in options.plan(1).members:
        return None
    from pricelm.language.backbones import require_training_libraries

    require_training_libraries()
    from pricelm.language.runtime import has_native_bf16, pick_device

    return _GROCERY_ROWS[has_native_bf16(pick_device())]


def _marks(request: DemoRequest, shop: Shop) -> dict[str, Any]:
    return {
        "shop": request.shop,
        "rows": len(shop.listings),
        "preset": request.preset,
        "seed": request.seed,
        "chapters": list(CHAPTERS),
        "pricelm": pricelm.__version__,
    }


def _at_hand(
    out: Path, marks: Mapping[str, Any], progress: Progress
) -> tuple[PriceModel, list[Chapter]] | None:
    """Return the model and story of an earlier run with the same options, or None."""
    try:
        if json.loads((out / "demo.json").read_text(encoding="utf-8")) != marks or not _report(out).is_file():
            return None
        progress.start("loading the trained model", 0)
        return load_model(_bundle(out)), story_at_hand(out)
    except BundleError as error:
        progress.say(f"training again: {error}")
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _train(
    request: DemoRequest, shop: Shop, options: TrainingOptions, marks: Mapping[str, Any], progress: Progress
) -> tuple[PriceModel, list[Quote], list[Chapter]]:
    out, run_dir = request.out, run_folder(_bundle(request.out))
    check_place(_bundle(out))
    with RejectedRows(_bundle(out)) as rejected:
        frame = _numbered(shop.listings)
        data = prepare(frame, shop.columns, options, progress)
        rejected.add(data.rejected)
        done = fit_and_measure(frame, data, options, run_dir, progress)
        (out / "demo.json").unlink(missing_ok=True)
        done.model.save(_bundle(out))
    progress.start("pricing three new products", 0)
    quotes = quote_listings(done.model, shop.new_listings, comparables=_COMPARABLES)
    assert done.evaluation is not None
    shown = quoted(shop.new_listings, done.model, quotes)
    chapters = tell_story(shop, out, model=_bundle(out), seed=request.seed, progress=progress)
    told = [
        ReportChapter(
            title=one.title,
            command=one.command,
            said=one.said,
            figures=one.figures,
            page=f"{FOLDER}/{one.page}" if one.page else "",
            table=one.table,
        )
        for one in chapters
    ]
    more = {"about": shop.about, "quotes": shown, "chapters": told}
    page = report_data(f"The {request.shop} shop", done.model, done.evaluation, done.data, run_dir, **more)
    publish_report(_report(out), page)
    # last, because it says that everything else is there
    with replaced_file(out / "demo.json") as draft:
        draft.write_text(json.dumps(marks, indent=1), encoding="utf-8")
    drop_checkpoints(run_dir)
    return done.model, quotes, chapters


def _numbered(listings: pd.DataFrame) -> pd.DataFrame:
    return listings.set_axis(pd.RangeIndex(1, len(listings) + 1, name="row"), axis=0)
