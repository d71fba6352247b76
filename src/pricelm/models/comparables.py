"""Comparables: known listings that read like the one being priced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from scipy import sparse
from sklearn.preprocessing import normalize

from pricelm.core.nouns import Comparable
from pricelm.models.ngrams import NgramFeatures
from pricelm.models.text import strings

_MOST_LISTINGS = 50_000
_ROWS_A_BLOCK = 512


class ComparableIndex:
    """Nearest known listings by the cosine of their n-grams.

    The n-grams are those of the lexical member, so that a comparable shares words that a
    person can see.

    Attributes
    ----------
    listings_ : pandas.DataFrame
        listing_id, title and price of the known listings (a seeded sample above 50,000).
    by_ngram_ : scipy.sparse.csr_matrix, shape (n_ngrams, n_listings)
        Their unit-length n-gram vectors, a row for each n-gram, so that one query looks at its own n-grams
        and not at every listing.
    """

    def fit(self, listings: pd.DataFrame, ngrams: NgramFeatures, *, seed: int = 0) -> ComparableIndex:
        """Index checked listings that have prices."""
        if len(listings) > _MOST_LISTINGS:
            picked = np.sort(np.random.default_rng(seed).permutation(len(listings))[:_MOST_LISTINGS])
            listings = listings.iloc[picked]
        self.listings_ = pd.DataFrame(
            {
                "listing_id": strings(listings, "listing_id"),
                "title": strings(listings, "title"),
                "price": listings["price"].to_numpy(dtype=float),
            }
        )
        vectors = normalize(ngrams.transform(listings)).astype(np.float32)
        # rounded as they are saved, so that a bundle finds what the model found
        vectors.data = vectors.data.astype(np.float16).astype(np.float32)
        self.by_ngram_ = vectors.T.tocsr()
        return self

    def search(
        self, listings: pd.DataFrame, ngrams: NgramFeatures, k: int = 3
    ) -> list[tuple[Comparable, ...]]:
        """Return the ``k`` most similar known listings of each listing, best first."""
        k = min(k, len(self.listings_))
        if k <= 0:
            return [()] * len(listings)
        found: list[tuple[Comparable, ...]] = []
        for start in range(0, len(listings), _ROWS_A_BLOCK):
            queries = normalize(ngrams.transform(listings.iloc[start : start + _ROWS_A_BLOCK]))
            similarity = (queries @ self.by_ngram_).toarray()
            best = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
            for row, positions in enumerate(best):
                ordered = positions[np.argsort(-similarity[row, positions], kind="stable")]
                found.append(tuple(self._comparable(int(p), float(similarity[row, p])) for p in ordered))
        return found

    def save(self, folder: Path) -> None:
        """Write the listings as Parquet and the vectors as safetensors."""
        folder.mkdir(parents=True, exist_ok=True)
        self.listings_.to_parquet(folder / "listings.parquet", index=False)
        vectors = self.by_ngram_.T.tocsr()
        arrays = {
            "data": vectors.data.astype(np.float16),
            "indices": vectors.indices.astype(np.int32),
            "indptr": vectors.indptr.astype(np.int64),
            "shape": np.array(vectors.shape, dtype=np.int64),
        }
        save_file(arrays, folder / "vectors.safetensors")

    @classmethod
    def load(cls, folder: Path) -> ComparableIndex:
        """Read what `save` wrote."""
        index = cls()
        index.listings_ = pd.read_parquet(folder / "listings.parquet")
        arrays = load_file(folder / "vectors.safetensors")
        parts = (arrays["data"].astype(np.float32), arrays["indices"], arrays["indptr"])
        vectors = sparse.csr_matrix(parts, shape=tuple(arrays["shape"]))
        vectors.check_format(full_check=True)  # a column out of range would read foreign memory
        index.by_ngram_ = vectors.T.tocsr()
        return index

    def _comparable(self, position: int, similarity: float) -> Comparable:
        row = self.listings_.iloc[position]
        return Comparable(
            str(row["listing_id"]), str(row["title"]), float(row["price"]), round(min(similarity, 1.0), 4)
        )
