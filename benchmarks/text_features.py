"""What the cheap peers read: n-grams of title and text side by side, and one-hot attributes."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder

from benchmarks.datasets import BenchmarkSet


class TextFeatures:
    """Sparse n-gram and one-hot columns, learned from some rows of a set.

    Parameters
    ----------
    data : BenchmarkSet
        The set.
    rows : ndarray
        Positions of the rows whose words are counted.

    Attributes
    ----------
    learned : csr_matrix
        The columns of those rows.
    """

    def __init__(self, data: BenchmarkSet, rows: np.ndarray) -> None:
        # a set with nothing but titles would have the same block twice
        self._texts = [data.texts] if data.roles.texts == (data.roles.title,) else [data.titles, data.texts]
        self._attributes = data.listings[list(data.roles.attributes)].fillna("").astype(str)
        self._vectorizers = [_vectorizer(data.language) for _ in self._texts]
        for vectorizer, texts in zip(self._vectorizers, self._texts, strict=True):
            vectorizer.fit(texts.iloc[rows])
        self._one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=2)
        if data.roles.attributes:
            self._one_hot.fit(self._attributes.iloc[rows])
        self.learned = self.of(rows)

    def of(self, rows: np.ndarray) -> sparse.csr_matrix:
        """Return the columns of rows at some positions."""
        blocks = [
            vectorizer.transform(texts.iloc[rows])
            for vectorizer, texts in zip(self._vectorizers, self._texts, strict=True)
        ]
        if self._attributes.shape[1]:
            blocks.append(self._one_hot.transform(self._attributes.iloc[rows]))
        return sparse.hstack(blocks).tocsr()


def _vectorizer(language: str) -> TfidfVectorizer:
    if language == "zh":
        return TfidfVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True)
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
