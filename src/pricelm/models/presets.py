"""One dial, ``fast | balanced | best``, and what is derived from it and the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pricelm.core.errors import ConfigError
from pricelm.language.config import TuningConfig
from pricelm.language.methods import method_entry
from pricelm.models.shop_bands import ShopBands

N_FOLDS = 5
_HELD_OUT_ROWS_WANTED = 1000
_UPDATES_WANTED = 250
_MOST_EPOCHS = 8
_HEADS_WITH_BANDS = ("bands", "ordinal", "both")


@dataclass(frozen=True)
class Preset:
    """What a preset stands for before the data is known.

    Parameters
    ----------
    members : tuple of str
        Members to try, in the order in which they are reported.
    tuned_copies : int
        Least number of folds on which the members are fitted and a copy of the backbone is
        tuned; their held-out rows teach the blend and the intervals.
    about : str
        One line for people.
    """

    members: tuple[str, ...]
    tuned_copies: int
    about: str


PRESETS: dict[str, Preset] = {
    "fast": Preset(("lexical", "tabular"), N_FOLDS, "no language model: seconds, and no torch to score"),
    "balanced": Preset(("lexical", "language", "tabular", "image"), 1, "one tuned copy of the backbone"),
    "best": Preset(
        ("lexical", "language", "tabular", "image"), 2, "two tuned copies on different rows, averaged"
    ),
}


@dataclass(frozen=True)
class Plan:
    """Everything that a preset derives for one data set.

    Parameters
    ----------
    members : tuple of str
        Members to try.
    fitted_folds : int
        How many of the `N_FOLDS` folds are held out in turn, 1 to 5.
    tuning : TuningConfig
        Training of the language member.
    """

    members: tuple[str, ...]
    fitted_folds: int
    tuning: TuningConfig

    def lines(self) -> list[str]:
        """Return the plan as lines for people."""
        texts = [
            f"members: {', '.join(self.members)}",
            f"folds: {self.fitted_folds} of {N_FOLDS} held out in turn",
        ]
        if "language" in self.members:
            tuning = self.tuning
            texts.append(
                f"language model: {tuning.backbone}, method {tuning.method}, {tuning.epochs} epochs, up to "
                f"{tuning.max_length} tokens, head {tuning.head}, learning rate {tuning.peak_learning_rate:g}"
            )
        return texts


def derive_plan(
    preset: str,
    n_rows: int,
    *,
    backbone: str,
    tuning: TuningConfig | Mapping[str, Any] | None,
    bands: ShopBands | None = None,
    pictures: bool = False,
) -> Plan:
    """Derive folds and training from the preset and the number of listings.

    Parameters
    ----------
    preset : {"fast", "balanced", "best"}
        The dial.
    n_rows : int
        Listings to learn from.
    backbone : str
        Backbone for the language member, unless ``tuning`` names one.
    tuning : TuningConfig, mapping or None
        Training to use as it is instead of the derived one; a mapping replaces some settings only.
    bands : ShopBands, optional
        The shop's own bands, for a head with bands whose options name none.
    pictures : bool, default False
        Whether the listings have a column of pictures; without it no image member is planned.

    Returns
    -------
    Plan
        Small data gets more folds (so that at least 1,000 rows are held out in all) and more
        epochs (so that there are at least 250 updates, and at most 8 epochs).

    Raises
    ------
    ConfigError
        If the preset is unknown.

    Examples
    --------
    >>> derive_plan("balanced", 8000, backbone="minilm", tuning=None).fitted_folds
    1
    >>> derive_plan("balanced", 500, backbone="minilm", tuning=None).fitted_folds
    5
    """
    if preset not in PRESETS:
        raise ConfigError(f"expected a preset of {', '.join(PRESETS)}, got {preset!r}")
    chosen = PRESETS[preset]
    wanted = math.ceil(_HELD_OUT_ROWS_WANTED / max(n_rows / N_FOLDS, 1))
    folds = min(N_FOLDS, max(chosen.tuned_copies, wanted))
    if not isinstance(tuning, TuningConfig):
        tuning = _derived_tuning(n_rows, {"backbone": backbone, **(tuning or {})})
    if bands is not None and tuning.head in _HEADS_WITH_BANDS and "edges" not in tuning.head_options:
        options = {**tuning.head_options, "edges": list(bands.log_edges())}
        tuning = replace(tuning, head_options=options)
    members = tuple(name for name in chosen.members if pictures or name != "image")
    return Plan(members, folds, tuning)


def _derived_tuning(n_rows: int, settings: Mapping[str, Any]) -> TuningConfig:
    asked = TuningConfig.from_dict(settings)
    if "epochs" in settings:
        return asked
    rows = n_rows * (N_FOLDS - 1) / N_FOLDS
    epochs = math.ceil(_UPDATES_WANTED * asked.batch_size / max(rows, 1))
    passes = method_entry(asked.method).passes
    return replace(asked, epochs=passes * min(_MOST_EPOCHS, max(asked.epochs, epochs)))


def preset_table() -> list[dict[str, Any]]:
    """Return the presets as rows for documents and the command line."""
    return [
        {"preset": name, "members": ", ".join(p.members), "about": p.about} for name, p in PRESETS.items()
    ]
