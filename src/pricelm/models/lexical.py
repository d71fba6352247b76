"""The lexical member: n-grams and crosses, a ridge regression and a small sparse network.

It costs seconds, reads every language, and is the bar that the language member has to
clear: the gain of the blend over it is reported wherever a metric is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from scipy import sparse
from sklearn.linear_model import Ridge

from pricelm.models.member import FitContext
from pricelm.models.ngrams import NgramFeatures
from pricelm.models.sparse_network import SparseNetwork
from pricelm.models.text import FeatureColumns, headline, long_text

_ALPHAS = (0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 8.0, 16.0)
_FEWEST_ROWS_FOR_THE_NETWORK = 2000
_ROWS_TO_CHOOSE_ALPHA = 30_000
_FEWEST_ROWS_TO_CHOOSE = 50
_NETWORK_FILE = "network.safetensors"


class LexicalMember:
    """Ridge regression and sparse network over n-grams, averaged.

    Attributes
    ----------
    alpha_ : float
        Ridge penalty, chosen on a fifth of the rows kept aside.
    network_ : SparseNetwork or None
        None below 2,000 rows, where it would hardly move from its start.
    """

    name = "lexical"

    def refusal(self, listings: pd.DataFrame, features: FeatureColumns) -> str:
        """Refuse listings without a word, condition or category."""
        texts = [*headline(listings), *long_text(listings, features)]
        columns = [name for name in ("category", "condition", *features.categorical) if name in listings]
        has_values = any((listings[name].astype(str) != "").any() for name in columns)
        return "" if any(texts) or has_values else "no text and no category to read"

    def fit(self, listings: pd.DataFrame, target: np.ndarray, context: FitContext) -> LexicalMember:
        """Learn log prices from n-grams."""
        self.ngrams_ = NgramFeatures(context.features)
        matrix = self.ngrams_.fit_transform(listings)
        self.alpha_ = _choose_alpha(matrix, target, context.seed)
        ridge = _ridge(self.alpha_).fit(matrix, target)
        self.coefficients_ = np.asarray(ridge.coef_, dtype=np.float64)
        self.intercept_ = float(ridge.intercept_)
        self.network_ = None
        if len(target) >= _FEWEST_ROWS_FOR_THE_NETWORK:
            self.network_ = SparseNetwork().fit(matrix, target, seed=context.seed)
        return self

    def predict(self, listings: pd.DataFrame) -> np.ndarray:
        """Return log prices, the mean of ridge and network."""
        matrix = self.ngrams_.transform(listings)
        linear = matrix @ self.coefficients_ + self.intercept_
        return linear if self.network_ is None else (linear + self.network_.predict(matrix)) / 2

    def save(self, folder: Path) -> None:
        """Write vocabulary, coefficients and network."""
        self.ngrams_.save(folder)
        if self.network_ is not None:
            self.network_.save(folder / _NETWORK_FILE)
        ridge = {
            "coefficients": self.coefficients_,
            "intercept": np.array([self.intercept_]),
            "alpha": np.array([self.alpha_]),
        }
        save_file(ridge, folder / "ridge.safetensors")

    @classmethod
    def load(cls, folder: Path) -> LexicalMember:
        """Read what `save` wrote."""
        member = cls()
        member.ngrams_ = NgramFeatures.load(folder)
        ridge = load_file(folder / "ridge.safetensors")
        member.coefficients_ = ridge["coefficients"]
        member.intercept_, member.alpha_ = float(ridge["intercept"][0]), float(ridge["alpha"][0])
        network = folder / _NETWORK_FILE
        member.network_ = SparseNetwork.load(network) if network.is_file() else None
        return member


def _ridge(alpha: float) -> Ridge:
    return Ridge(alpha=alpha, solver="sparse_cg", tol=1e-4)


def _choose_alpha(matrix: sparse.csr_matrix, target: np.ndarray, seed: int) -> float:
    if matrix.shape[0] < _FEWEST_ROWS_TO_CHOOSE:
        return 1.0
    order = np.random.default_rng(seed).permutation(matrix.shape[0])[:_ROWS_TO_CHOOSE_ALPHA]
    cut = len(order) // 5
    aside, rest = order[:cut], order[cut:]
    guesses = [_ridge(alpha).fit(matrix[rest], target[rest]).predict(matrix[aside]) for alpha in _ALPHAS]
    return _ALPHAS[int(np.argmin([np.mean((guess - target[aside]) ** 2) for guess in guesses]))]
