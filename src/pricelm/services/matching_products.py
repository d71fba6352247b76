"""Matching: from two catalogs to the pairs that are one product, with a confidence, and no look at prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.column_names import normalized_name
from pricelm.catalog.readers import read_listings
from pricelm.core.errors import BundleError, ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.competition import (
    BlockingConfig,
    LearnedScorer,
    Offers,
    PairReader,
    PairScorer,
    RuleOfThumb,
    block,
    learn_scorer,
)
from pricelm.services.outputs import replaced_file
from pricelm.services.price_files import price_format, write_frame
from pricelm.services.rejections import RejectedRows

_ENCODED_TOKENS = 48
MATCH_ROLES = ("sku", "title", "brand", "model")
TextEncoder = Callable[[Sequence[str]], np.ndarray]
_NAMES = {
    "sku": "sku listing_id id product_id item_id asin barcode ean gtin upc 货号 商品编号",
    "title": "title name product_name product item description text 标题 名称",
    "brand": "brand manufacturer maker vendor 品牌",
    "model": "model modelno model_number model_no mpn part_number 型号",
}
_LABEL_COLUMNS = ("own_sku", "their_sku", "match")
_YES, _NO = frozenset({"1", "1.0", "true", "yes", "y"}), frozenset({"0", "0.0", "false", "no", "n"})


@dataclass(frozen=True)
class MatchRequest:
    """What `match_products` is asked for.

    Parameters
    ----------
    own, theirs : str or pathlib.Path
        Catalogs: sku and title, and brand and model number where there are.
    out : pathlib.Path
        Table of matches: own_sku, their_sku, confidence, titles.
    labels : str or pathlib.Path, optional
        Labelled pairs: own_sku, their_sku, match (1 or 0). Without them the rule of thumb judges.
    min_confidence : float, optional
        Confidence of a match, instead of the one with the best F1.
    columns : mapping, optional
        Role to column, in both catalogs.
    blocking : BlockingConfig
        How many candidates are looked at.
    seed : int, default 0
        Of the learning.
    """

    own: str | Path
    theirs: str | Path
    out: Path
    labels: str | Path | None = None
    min_confidence: float | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    blocking: BlockingConfig = field(default_factory=BlockingConfig)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class MatchResult:
    """What was matched.

    Parameters
    ----------
    matches : pandas.DataFrame
        own_sku, their_sku, confidence, own_title, their_title; the surest first.
    products, offers, candidates : int
        Own products, theirs, and pairs looked at.
    threshold : float
        Confidence from which a pair is a match.
    learned : dict
        F1, precision and recall on labelled pairs not learned from, and ``labels_found``, the share of the
        labelled matches among the candidates; empty without labels.
    out : pathlib.Path
        The table.
    rejected_counts : dict of str to int
        Rows without sku or title.
    """

    matches: pd.DataFrame
    products: int
    offers: int
    candidates: int
    threshold: float
    learned: dict[str, float]
    out: Path
    rejected_counts: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values, without the matches themselves."""
        return {
            "out": str(self.out),
            "matches": len(self.matches),
            "matched_products": int(self.matches["own_sku"].nunique()),
            "products": self.products,
            "offers": self.offers,
            "candidates": self.candidates,
            "threshold": self.threshold,
            "learned": self.learned,
            "rejected_counts": self.rejected_counts,
        }


def match_products(
    request: MatchRequest, encode: TextEncoder | None = None, progress: Progress = Silence()
) -> MatchResult:
    """Find which of their products are which of the own ones.

    Parameters
    ----------
    request : MatchRequest
        What is asked for.
    encode : callable, optional
        Unit vectors of titles, such as ``LanguageRegressor.embed`` or that of a served model: one more piece
        of evidence where labels weigh it.
    progress : Progress
        Told what happens.

    Returns
    -------
    MatchResult
        The matches and how they were judged.

    Raises
    ------
    DataError
        If a catalog or the labels cannot be used.
    ConfigError
        If a confidence is out of range, or the table would overwrite an input.
    """
    form = price_format(request.out)
    _check(request)
    progress.start("matching products", 4)
    with RejectedRows(request.out) as rejected:
        own, theirs = (_offers(source, request.columns, rejected) for source in (request.own, request.theirs))
        progress.advance(note="candidates")
        candidates = block(own, theirs, request.blocking)
        vectors = None if encode is None else (encode(list(own.titles)), encode(list(theirs.titles)))
        reader = PairReader(own, theirs, candidates, vectors)
        progress.advance(note="learning")
        scorer, learned = _scorer(request, reader, rejected)
        progress.advance(note="judging")
        confidence = scorer.score(reader.features(candidates.own, candidates.theirs))
        threshold = scorer.threshold if request.min_confidence is None else request.min_confidence
        matches = _matches(reader, confidence, threshold)
        progress.advance()
        with replaced_file(request.out) as draft:
            write_frame(matches, draft, form)
    return MatchResult(
        matches, len(own), len(theirs), len(candidates), threshold, learned, request.out,
        dict(rejected.counts),
    )  # fmt: skip


def encoder_of(name: str) -> TextEncoder:
    """Return a text encoder: an exported model, which needs no torch, or an untuned backbone.

    Parameters
    ----------
    name : str
        Folder of a model with an exported language member, or a backbone as in `pricelm backbones`.

    Raises
    ------
    BundleError
        If the folder is a model without an export.
    BackboneError
        If there is no such backbone.
    MissingExtraError
        If a backbone is asked for and torch is not installed.
    """
    if (Path(name) / "model.json").is_file():
        from pricelm.models.language_member import LanguageMember
        from pricelm.serving.predictor import load_predictor

        member = load_predictor(Path(name)).model.members_.get("language")
        if not isinstance(member, LanguageMember):
            raise BundleError(f"expected a model with a language member in {name}, got one without")
        return member.regressors_[0].embed
    from pricelm.language.backbones import find_backbone, require_training_libraries
    from pricelm.language.config import TuningConfig

    require_training_libraries()
    find_backbone(name)

    def encode(texts: Sequence[str]) -> np.ndarray:
        from pricelm.language.engine import embed_untuned

        return embed_untuned(TuningConfig(backbone=name, max_length=_ENCODED_TOKENS), [list(texts)])[0]

    return encode


def _check(request: MatchRequest) -> None:
    if request.min_confidence is not None and not 0 <= request.min_confidence <= 1:
        raise ConfigError(f"expected a confidence from 0 to 1, got {request.min_confidence:g}")
    for role in request.columns:
        if role not in MATCH_ROLES:
            raise ConfigError(f"expected a role of {', '.join(MATCH_ROLES)}, got {role!r}")
    read = [request.own, request.theirs, *([request.labels] if request.labels else [])]
    if request.out.resolve() in [Path(str(one)).resolve() for one in read]:
        raise ConfigError(f"expected another file to write to than to read from, got {request.out} for both")


def _offers(source: str | Path, columns: Mapping[str, str], rejected: RejectedRows) -> Offers:
    frame = read_listings(source)
    have = [str(name) for name in frame.columns]
    by_name = {normalized_name(name): name for name in reversed(have)}
    named = {role: column for role, column in columns.items() if column in have}
    for role, names in _NAMES.items():
        free = [
            by_name[name] for name in names.split() if name in by_name and by_name[name] not in named.values()
        ]
        if role not in named and free:
            named[role] = free[0]
    for role in ("sku", "title"):
        if role not in named:
            raise DataError(
                f"{source}: expected a column of the {role}, got {', '.join(have[:30])}. Name it: --column "
                f"{role}=COLUMN"
            )
    rows = pd.DataFrame({
        role: frame[column].astype(object).where(frame[column].notna(), "").astype(str).str.strip()
        for role, column in named.items()
    })  # fmt: skip
    reason = np.select(
        [rows["sku"] == "", rows["title"] == "", rows["sku"].duplicated(keep=False)],
        ["no sku", "no title", "sku is in several rows"],
        "",
    )
    out = reason != ""
    rejected.add(pd.DataFrame(frame.attrs.get("rejected", []), columns=["row", "column", "value", "reason"]))
    rejected.add(
        pd.DataFrame(
            {"row": rows.index[out], "column": named["sku"], "value": rows["sku"][out], "reason": reason[out]}
        )
    )
    if out.all():
        raise DataError(f"{source}: none of {len(rows):,} products can be used; the first has {reason[0]}")
    return Offers.of(rows[~out])


def _scorer(
    request: MatchRequest, reader: PairReader, rejected: RejectedRows
) -> tuple[PairScorer, dict[str, float]]:
    if request.labels is None:
        return RuleOfThumb(), {}
    a, b, labels, refused = _labelled(request.labels, reader)
    rejected.add(refused)
    scorer: LearnedScorer = learn_scorer(reader.features(a, b), labels, a, request.seed)
    size = np.int64(len(reader.theirs))
    known = np.isin(a[labels] * size + b[labels], reader.candidates.own * size + reader.candidates.theirs)
    return scorer, {
        "pairs": float(len(labels)),
        "f1": scorer.f1,
        "precision": scorer.precision,
        "recall": scorer.recall,
        "labels_found": float(known.mean()),
    }


def _labelled(
    source: str | Path, reader: PairReader
) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DataFrame]:
    frame = read_listings(source)
    for name in _LABEL_COLUMNS:
        if name not in frame.columns:
            raise DataError(
                f"{source}: expected labelled pairs with the columns {', '.join(_LABEL_COLUMNS)}, got "
                f"{', '.join(map(str, frame.columns[:30]))}"
            )
    text = {name: frame[name].fillna("").astype(str).str.strip() for name in _LABEL_COLUMNS}
    a = pd.Index(reader.own.skus).get_indexer(pd.Index(text["own_sku"]))
    b = pd.Index(reader.theirs.skus).get_indexer(pd.Index(text["their_sku"]))
    said = text["match"].str.lower()
    twice = pd.DataFrame({"a": a, "b": b}).duplicated()
    reason = np.select(
        [a < 0, b < 0, ~said.isin(_YES | _NO), twice],
        [
            "own_sku is not in the catalog",
            "their_sku is not in the catalog",
            "match is not 1 or 0",
            "repeated pair",
        ],
        "",
    )
    out = reason != ""
    refused = pd.DataFrame(
        {"row": frame.index[out], "column": "own_sku", "value": text["own_sku"][out], "reason": reason[out]}
    )
    return a[~out], b[~out], said[~out].isin(_YES).to_numpy(), refused


def _matches(reader: PairReader, confidence: np.ndarray, threshold: float) -> pd.DataFrame:
    called = np.flatnonzero(confidence >= threshold)
    called = called[np.argsort(-confidence[called], kind="stable")]
    a, b = reader.candidates.own[called], reader.candidates.theirs[called]
    own, theirs = reader.own, reader.theirs
    return pd.DataFrame(
        {
            "own_sku": [own.skus[row] for row in a],
            "their_sku": [theirs.skus[row] for row in b],
            "confidence": confidence[called].round(4),
            "own_title": [own.titles[row] for row in a],
            "their_title": [theirs.titles[row] for row in b],
        }
    )
