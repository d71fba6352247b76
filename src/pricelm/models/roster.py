"""The roster: which members there are, which are fit for the data, and how each is read back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from pricelm.core.errors import BundleError, DataError
from pricelm.core.protocols import Progress
from pricelm.models.image_member import ImageMember
from pricelm.models.language_member import LanguageMember, TunedCopy
from pricelm.models.lexical import LexicalMember
from pricelm.models.member import Member
from pricelm.models.picture_vectors import PictureVectors
from pricelm.models.presets import Plan
from pricelm.models.tabular import TabularMember
from pricelm.models.text import FeatureColumns


def choose_members(
    plan: Plan,
    listings: pd.DataFrame,
    features: FeatureColumns,
    progress: Progress,
    *,
    image_root: Path | None = None,
) -> tuple[dict[str, Callable[[], Member]], dict[str, str]]:
    """Ask every planned member whether it can learn from the data.

    Returns
    -------
    makers : dict of str to callable
        A maker of an unfitted member, for each that accepts.
    refused : dict of str to str
        The reason of each that refuses.

    Raises
    ------
    DataError
        If all refuse.
    """
    pictures = PictureVectors(root=image_root)  # shared: a picture is encoded once, not once a fold
    makers: dict[str, Callable[[], Member]] = {
        "lexical": LexicalMember,
        "language": lambda: LanguageMember(plan.tuning),
        "tabular": TabularMember,
        "image": lambda: ImageMember(pictures, progress),
    }
    refused = {}
    for name in plan.members:
        reason = makers[name]().refusal(listings, features)
        if reason:
            refused[name] = reason
            progress.say(f"the {name} member refuses: {reason}")
    chosen = {name: makers[name] for name in plan.members if name not in refused}
    if not chosen:
        raise DataError(f"expected data that a member can learn from, but all refused: {refused}")
    return chosen, refused


def load_member(
    name: str,
    folder: Path,
    features: FeatureColumns,
    *,
    image_root: Path | None = None,
    language_copies: Sequence[TunedCopy] | None = None,
) -> Member:
    """Read the member ``name`` that was saved in ``folder``; given copies make the language member."""
    if name == "lexical":
        return LexicalMember.load(folder)
    if name == "language" and language_copies is not None:
        return LanguageMember.of(language_copies, features)
    if name == "language":
        return LanguageMember.load(folder, features)
    if name == "tabular":
        return TabularMember.load(folder)
    if name == "image":
        return ImageMember.load(folder, root=image_root)
    raise BundleError(f"expected a member lexical, language, tabular or image, got {name!r}: update pricelm")
