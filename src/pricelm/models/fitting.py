"""Fitting: the steps from checked listings to the parts of a price model."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pricelm.catalog.duplicates import duplicate_groups
from pricelm.core.protocols import Progress
from pricelm.models.blend import Blend, cross_fitted_predictions, fit_blend
from pricelm.models.calibration import Calibration
from pricelm.models.comparables import ComparableIndex
from pricelm.models.cross_fitting import CrossFit, cross_fit, select_folds
from pricelm.models.fingerprint import training_record
from pricelm.models.gate import judge_member
from pricelm.models.image_member import ImageMember
from pricelm.models.lexical import LexicalMember
from pricelm.models.member import FitContext, Member
from pricelm.models.preparation import TrainingSet
from pricelm.models.presets import N_FOLDS, Plan
from pricelm.models.roster import choose_members
from pricelm.models.scoring import interval_inputs
from pricelm.models.text import compose_text, log_price

_ON_TRIAL = "image"
_DEAR = "language"


@dataclass(frozen=True)
class FittedParts:
    """Everything that fitting makes.

    Parameters
    ----------
    members : dict of str to Member
        The fitted members.
    refused : dict of str to str
        Members that refused the data or did not pass the gate, with the reason.
    blend, calibration, comparables : Blend, Calibration, ComparableIndex or None
        The other parts.
    training : dict
        What happened, as JSON-ready values.
    """

    members: dict[str, Member]
    refused: dict[str, str]
    blend: Blend
    calibration: Calibration
    comparables: ComparableIndex | None
    training: dict[str, Any]


def fit_parts(
    data: TrainingSet,
    plan: Plan,
    context: FitContext,
    *,
    confidence_level: float,
    image_root: Path | None = None,
) -> FittedParts:
    """Fit members on folds, blend them, and calibrate the blend.

    Parameters
    ----------
    data : TrainingSet
        Checked listings.
    plan : Plan
        Members, folds and tuning.
    context : FitContext
        Features, seed, run folder and progress.
    confidence_level : float
        Level of the intervals.
    image_root : pathlib.Path, optional
        The picture folder.

    Raises
    ------
    DataError
        If every member refuses.
    """
    started = time.perf_counter()
    listings, seed = data.listings, context.seed
    target = log_price(listings["price"].to_numpy())
    makers, refused = choose_members(
        plan, listings, context.features, context.progress, image_root=image_root
    )
    groups = duplicate_groups(compose_text(listings, context.features))
    # Only copies of the language model are dear; without them every row may teach blend and intervals.
    fitted_folds = plan.fitted_folds if _DEAR in makers else N_FOLDS
    folds = select_folds(groups, listings, fitted_folds, seed=seed)
    fitted = cross_fit(makers, listings, target, folds, context)
    held_out, truth = listings.iloc[fitted.rows], target[fitted.rows]
    notes: list[str] = []
    if _ON_TRIAL in fitted.members:
        verdict = judge_member(_ON_TRIAL, fitted.predictions, truth, groups[fitted.rows], seed=seed)
        notes = _notes(fitted.members[_ON_TRIAL], verdict.kept, verdict.reason, context.progress)
        if not verdict.kept:
            refused = {**refused, _ON_TRIAL: verdict.reason}
            fitted = _without(fitted, _ON_TRIAL)
    blended = cross_fitted_predictions(fitted.predictions, truth, seed=seed)
    smearing = float(np.mean(np.exp(truth - blended)))
    blend = replace(fit_blend(fitted.predictions, truth), smearing=smearing)
    inputs = interval_inputs(held_out, context.features, fitted.predictions, blended)
    calibration = Calibration(confidence_level).fit(inputs, truth, seed=seed)
    lexical = fitted.members.get("lexical")
    comparables = None
    if isinstance(lexical, LexicalMember):
        comparables = ComparableIndex().fit(listings, lexical.ngrams_, seed=seed)
    training = training_record(data, plan, fitted, time.perf_counter() - started)
    return FittedParts(
        fitted.members, refused, blend, calibration, comparables, {**training, "pictures": notes}
    )


def _notes(member: Member, kept: bool, reason: str, progress: Progress) -> list[str]:
    decision = f"the {member.name} member is {'kept' if kept else 'dropped'}: {reason}"
    progress.say(decision)
    return [member.summary_, decision] if isinstance(member, ImageMember) else [decision]


def _without(fitted: CrossFit, name: str) -> CrossFit:
    members = {other: member for other, member in fitted.members.items() if other != name}
    predictions = {other: values for other, values in fitted.predictions.items() if other != name}
    return replace(fitted, members=members, predictions=predictions)
