"""What a search found, as tables and documents for people and programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pricelm.language.config import TuningConfig

if TYPE_CHECKING:
    from pricelm.learning.search_study import TrialRecord
    from pricelm.learning.search_verdict import Verdict

# What belongs to a machine or a run, not to what was found.
_NOT_FOUND = (
    "seed",
    "engine",
    "processes",
    "sharded",
    "threads",
    "checkpoint_every_steps",
    "gradient_checkpointing",
)
_SHOWN = (
    "method",
    "head",
    "head_options",
    "learning_rate",
    "head_learning_rate",
    "layer_decay",
    "epochs",
    "batch_size",
    "max_length",
    "schedule",
    "warmup_share",
    "weight_decay",
    "dropout",
)


@dataclass(frozen=True)
class SearchResult:
    """Everything that is known after a session of a search.

    Parameters
    ----------
    base : TuningConfig
        The preset's configuration, trial 0.
    records : list of TrialRecord
        All trials, those of earlier sessions included.
    best : TrialRecord or None
        The complete trial with the lowest validation RMSE; None before any is complete.
    importances : dict of str to float
        Setting to its share in what tells good trials from the others; empty after few trials.
    verdict : Verdict or None
        The best against the preset on test rows.
    """

    base: TuningConfig
    records: list[TrialRecord]
    best: TrialRecord | None
    importances: dict[str, float]
    verdict: Verdict | None

    def best_settings(self) -> dict[str, Any]:
        """Return the settings of the best trial for ``pricelm train --config``.

        Those of this machine are left out. They are the preset's own if no trial is complete.
        """
        settings = self.base.to_dict() if self.best is None else self.best.config
        return {
            name: value
            for name, value in settings.items()
            if name not in _NOT_FOUND and value is not None and value != {}
        }

    def best_trials(self, count: int = 5) -> list[TrialRecord]:
        """Return the complete trials with the lowest values."""
        complete = [one for one in self.records if one.complete and one.value is not None]
        return sorted(complete, key=lambda one: (one.value, one.number))[:count]

    def differences(self, record: TrialRecord) -> dict[str, Any]:
        """Return the settings of a trial that are not those of the preset."""
        base, tried = shown_settings(self.base.to_dict()), shown_settings(record.config)
        return {
            name.replace("_", " "): value for name, value in tried.items() if value not in ("", base[name])
        }

    def counts(self) -> dict[str, int]:
        """Return how many trials ended how."""
        states = [record.state for record in self.records]
        return {state: states.count(state) for state in dict.fromkeys(states)}

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row a trial: number, state, value, seconds, reason and settings."""
        return [
            {
                "trial": record.number,
                "state": record.state,
                "validation_rmse": record.value,
                "seconds": record.seconds,
                "reason": record.reason,
                **shown_settings(record.config),
            }
            for record in self.records
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "trials": [record.to_dict() for record in self.records],
            "counts": self.counts(),
            "best": None if self.best is None else self.best.number,
            "best_settings": self.best_settings(),
            "importances": self.importances,
            "verdict": None if self.verdict is None else self.verdict.to_dict(),
        }


def shown_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that a search may change, filled in where the method's usual ones hold.

    Examples
    --------
    >>> shown_settings(TuningConfig().to_dict())["learning_rate"]
    0.0002
    """
    if not config:
        return dict.fromkeys(_SHOWN, "")
    used = TuningConfig.from_dict(config)
    resolved = config | {
        "learning_rate": used.peak_learning_rate,
        "head_learning_rate": used.peak_head_rate,
        "layer_decay": used.rate_decay,
        "head_options": json.dumps(config["head_options"]) if config["head_options"] else "",
    }
    return {name: resolved[name] for name in _SHOWN}


def history(records: list[TrialRecord]) -> list[tuple[int, float, float]]:
    """Return number, value and best value so far of each complete trial, in the order of their numbers."""
    points: list[tuple[int, float, float]] = []
    best = float("inf")
    for record in records:
        if record.complete and record.value is not None:
            best = min(best, record.value)
            points.append((record.number, record.value, best))
    return points
