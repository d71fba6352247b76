"""Backbones: which there are, what they cost on this machine, and which one fits some listings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pricelm.catalog.columns import infer_columns
from pricelm.catalog.readers import read_listings
from pricelm.catalog.validation import check_listings
from pricelm.core.errors import BackboneError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.language.backbones import ALIASES, MOST_UNKNOWN_TOKENS, find_backbone, read_sample
from pricelm.language.conversion import converted_folder
from pricelm.language.scripts import script_shares
from pricelm.models.presets import N_FOLDS, derive_plan
from pricelm.models.text import FeatureColumns, compose_text
from pricelm.services.cost import duration_text
from pricelm.services.speeds import Speed, speed_of

_TRAINING_LIBRARIES = ("torch", "transformers", "tokenizers", "gguf")
_FALLBACK = "multilingual-e5"
# Beyond these a backbone reads the texts, but another one that is at hand reads them better.
_FEW_UNKNOWN_TOKENS = 0.05
_FINER_THAN_THE_BEST = 1.3


@dataclass(frozen=True)
class Offer:
    """One backbone as it is offered.

    Parameters
    ----------
    alias : str
        Its name for ``--backbone``.
    kind : {"encoder", "decoder"}
        Whether it reads both ways or only forwards.
    parameters : int
        Number of weights.
    languages, license : str
        What it reads, and under which terms it is given.
    installed : bool
        Whether its package is installed.
    install : str
        The command that installs it.
    disk_bytes : int
        Size of the package's files and of the converted folder, as far as they are there.
    speed : Speed or None
        Measured here; None if it is not installed or cannot run.
    problem : str, default ""
        Why it is installed and cannot run.
    """

    alias: str
    kind: str
    parameters: int
    languages: str
    license: str
    installed: bool
    install: str
    disk_bytes: int
    speed: Speed | None = None
    problem: str = ""


@dataclass(frozen=True)
class Fit:
    """How well a backbone fits some listings.

    Parameters
    ----------
    alias : str
        The backbone.
    unreadable_share : float
        Share of tokens that say nothing to it, 0 to 1.
    tokens_per_character : float
        How finely it cuts these texts.
    tuning_seconds : float or None
        Time to tune it with the preset ``balanced``, at the measured speed.
    """

    alias: str
    unreadable_share: float
    tokens_per_character: float
    tuning_seconds: float | None


@dataclass(frozen=True)
class Recommendation:
    """Which backbone to take for some listings.

    Parameters
    ----------
    alias : str
        The backbone.
    reason : str
        Why, in a sentence or two.
    scripts : dict of str to float
        Shares of the letters by script.
    fits : tuple of Fit
        What was compared.
    """

    alias: str
    reason: str
    scripts: dict[str, float]
    fits: tuple[Fit, ...]


def list_backbones(*, measure: bool = False, progress: Progress = Silence()) -> list[Offer]:
    """List every alias; those that are installed are converted and measured if that was not done before.

    Parameters
    ----------
    measure : bool, default False
        Measure again.
    progress : Progress
        Told what happens.

    Returns
    -------
    list of Offer
        In the order of the aliases.
    """
    offers = []
    for alias, model in ALIASES.items():
        sources = model.sources()
        offer = Offer(
            alias, model.kind, model.parameters, model.languages, model.license, bool(sources), model.install,
            sum(_size(path) for path in sources),
        )  # fmt: skip
        offers.append(_measured(offer, measure, progress) if sources else offer)
    return offers


def _measured(offer: Offer, measure: bool, progress: Progress) -> Offer:
    if any(find_spec(library) is None for library in _TRAINING_LIBRARIES):
        return replace(offer, problem="it needs more to run: pip install 'pricelm[train]'")
    progress.start(f"backbone {offer.alias}", 0)
    try:
        backbone = find_backbone(offer.alias, progress)
        speed = speed_of(backbone, measure=measure)
    except BackboneError as error:
        return replace(offer, problem=str(error))
    model = ALIASES[offer.alias]
    converted = 0 if model.format == "folder" else _size(converted_folder(offer.alias, model.sources()))
    return replace(offer, speed=speed, disk_bytes=offer.disk_bytes + converted)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def recommend_for(
    listings: str | Path, offers: Sequence[Offer], *, query: str | None = None, progress: Progress = Silence()
) -> Recommendation:
    """Read listings and recommend a backbone for them.

    Parameters
    ----------
    listings : str or pathlib.Path
        File or database address; prices are not needed.
    offers : sequence of Offer
        From `list_backbones`.
    query : str, optional
        SQL query, with a database address.
    progress : Progress
        Told what happens.

    Returns
    -------
    Recommendation
        A backbone and why.

    Raises
    ------
    DataError
        If the listings cannot be read, or have no text.
    """
    progress.start(f"reading {Path(str(listings)).name}", 0)
    frame = read_listings(listings, query=query)
    columns = infer_columns(frame)
    checked = check_listings(frame, columns, training=False).listings
    texts = [text for text in compose_text(checked, FeatureColumns.from_map(columns)) if text]
    if not texts:
        raise DataError(f"expected listings with text in {listings}, found none; a backbone reads only text")
    return recommend(texts, offers)


def recommend(texts: Sequence[str], offers: Sequence[Offer]) -> Recommendation:
    """Recommend the backbone that reads some texts and costs the least to tune.

    Parameters
    ----------
    texts : sequence of str
        The listings as texts, none empty.
    offers : sequence of Offer
        What there is; only those that can run are compared.

    Returns
    -------
    Recommendation
        One that is installed, unless none of these reads the texts.
    """
    scripts = script_shares(texts)
    fits = tuple(_fit(offer, texts) for offer in offers if offer.installed and not offer.problem)
    language = ", ".join(f"{share:.0%} {name}" for name, share in scripts.items() if share >= 0.01)
    found = f"the letters are {language}" if language else "there are no letters in these texts"
    able = [fit for fit in fits if fit.unreadable_share <= MOST_UNKNOWN_TOKENS]
    if not able:
        return _nothing_reads(found, scripts, fits)
    sharp = [fit for fit in able if fit.unreadable_share <= _FEW_UNKNOWN_TOKENS]
    sharp = sharp or [min(able, key=lambda fit: fit.unreadable_share)]
    finest = _FINER_THAN_THE_BEST * min(fit.tokens_per_character for fit in sharp)
    fluent = [fit for fit in sharp if fit.tokens_per_character <= finest]
    best = min(fluent, key=lambda fit: (fit.tuning_seconds or 0.0, ALIASES[fit.alias].parameters))
    reason = f"{found}; it does not know {best.unreadable_share:.1%} of the tokens"
    if best.tuning_seconds is not None:
        took = duration_text(best.tuning_seconds)
        reason += f", and tuning it on {len(texts):,} listings takes roughly {took} here"
    others = [fit.alias for fit in fluent if fit is not best]
    if others:
        reason += f"; {' and '.join(others)} can read them too, at a higher cost"
    return Recommendation(best.alias, reason, scripts, fits)


def _nothing_reads(found: str, scripts: dict[str, float], fits: tuple[Fit, ...]) -> Recommendation:
    if any(fit.alias == _FALLBACK for fit in fits) or _FALLBACK not in ALIASES:
        alias, advice = "minilm", "a language model is of no use here: train with the preset 'fast'"
        if fits:
            alias = min(fits, key=lambda fit: fit.unreadable_share).alias
    else:
        alias, advice = _FALLBACK, f"install it with: {ALIASES[_FALLBACK].install}"
    return Recommendation(
        alias, f"{found}, and no backbone that is installed reads them; {advice}", scripts, fits
    )


def _fit(offer: Offer, texts: Sequence[str]) -> Fit:
    reading = read_sample(texts, find_backbone(offer.alias))
    seconds = None
    if offer.speed is not None:
        plan = derive_plan("balanced", len(texts), backbone=offer.alias, tuning=None)
        tokens = min(reading.tokens / max(reading.texts, 1), plan.tuning.max_length)
        rows = plan.fitted_folds * (len(texts) - len(texts) // N_FOLDS)
        seconds = rows * plan.tuning.epochs * tokens / offer.speed.tuning_tokens_per_second
    return Fit(offer.alias, reading.unreadable_share, reading.tokens_per_character, seconds)


def to_document(offers: Sequence[Offer], recommendation: Recommendation | None) -> dict[str, Any]:
    """Return everything as JSON-ready values."""
    return {
        "backbones": [asdict(offer) for offer in offers],
        "recommendation": None if recommendation is None else asdict(recommendation),
    }
