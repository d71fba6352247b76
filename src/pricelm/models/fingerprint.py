"""What made a model: a fingerprint of the data, a record of the training, the versions of the software."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pandas as pd

from pricelm.models.cross_fitting import CrossFit
from pricelm.models.language_member import LanguageMember
from pricelm.models.preparation import TrainingSet
from pricelm.models.presets import Plan

_LIBRARIES = (
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "lightgbm",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "pillow",
)


def fingerprint(listings: pd.DataFrame) -> str:
    """Return a hash of the listings that does not depend on the machine.

    Parameters
    ----------
    listings : pandas.DataFrame
        Checked listings.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> frame = pd.DataFrame({"title": ["mug"], "price": [5.0]})
    >>> fingerprint(frame) == fingerprint(frame.copy())
    True
    """
    digest = hashlib.sha256()
    for name in sorted(listings.columns):
        digest.update(name.encode())
        hashes = pd.util.hash_pandas_object(listings[name], index=False).to_numpy()
        digest.update(np.ascontiguousarray(hashes, dtype="<u8").tobytes())
    return digest.hexdigest()


def training_record(data: TrainingSet, plan: Plan, fitted: CrossFit, total_seconds: float) -> dict[str, Any]:
    """Return what happened in training as JSON-ready values: rows, rejections, leaks, plan, times, curves."""
    language = fitted.members.get("language")
    seconds = {name: round(value, 2) for name, value in fitted.seconds.items()}
    return {
        "rows": len(data.listings),
        "currency": data.report.currency,
        "rejected": data.report.counts,
        "warnings": data.report.warnings,
        "leaks": [f"{leak.column}: {leak.kind} ({leak.evidence})" for leak in data.leaks],
        "plan": plan.lines(),
        "seconds": {**seconds, "total": round(total_seconds, 2)},
        "learning_curves": language.history if isinstance(language, LanguageMember) else [],
    }


def software_versions() -> dict[str, str]:
    """Return the versions of pricelm, Python and the libraries that numbers may depend on."""
    import pricelm

    versions = {"pricelm": pricelm.__version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
