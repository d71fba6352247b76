"""What a language model is worth before it is tuned: its embedding, and a ridge regression on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import RidgeCV

from pricelm.language.backbones import require_training_libraries
from pricelm.language.config import TuningConfig
from pricelm.language.rows import check_rows, check_texts

_RIDGE_STRENGTHS = np.logspace(-3, 3, 13)


def frozen_baseline(
    texts: Sequence[str], targets: np.ndarray, new_texts: Sequence[str], config: TuningConfig
) -> np.ndarray:
    """Predict with the untuned backbone.

    Parameters
    ----------
    texts : sequence of str, length n
        Training texts.
    targets : ndarray of float, shape (n,)
        One number a text.
    new_texts : sequence of str, length m
        Texts to predict.
    config : TuningConfig
        Names the backbone and ``max_length``.

    Returns
    -------
    ndarray of float64, shape (m,)
        Predictions of a ridge regression, its strength chosen by leave-one-out, on the mean-pooled states.

    Examples
    --------
    >>> wines = ["red wine 0.75 l", "box of wine 3 l", "sparkling wine", "red apple"]
    >>> frozen_baseline(wines, np.array([9.0, 20.0, 12.0, 1.0]), ["white wine"], TuningConfig()).shape
    (1,)
    """
    require_training_libraries()
    from pricelm.language.engine import embed_untuned

    rows = check_rows(texts, targets, None, "training")
    known, new = embed_untuned(config, [rows.texts, check_texts(new_texts, "new texts")])
    if not len(new):
        return np.empty(0)
    ridge = RidgeCV(alphas=_RIDGE_STRENGTHS).fit(known.astype(np.float64), rows.targets)
    return np.asarray(ridge.predict(new.astype(np.float64)), dtype=np.float64)
