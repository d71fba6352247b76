"""What speaks for and against two offers being one product: numbers from texts, never from a price."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from pricelm.catalog.quantities import quantity_frame
from pricelm.core.errors import DataError
from pricelm.decisions.competition.blocking import Candidates
from pricelm.decisions.competition.offers import Offers, membership

_PAIRS_AT_ONCE = 100_000
_MOST_CHARACTER_KEYS = 1 << 18
_SAME_QUANTITY = 0.03
_LONGEST_CODE_LIST = 12
_SHORTEST_MODEL = 3


class PairReader:
    """Reads pairs of two sellers' offers.

    Parameters
    ----------
    own, theirs : Offers
        The two sellers.
    candidates : Candidates
        The pairs of the blocker: a pair is judged beside the rivals that its two products have there.
    vectors : tuple of numpy.ndarray, optional
        Unit vectors of the titles of both sellers by a text encoder, shapes (n_own, d) and (n_theirs, d).

    Raises
    ------
    DataError
        If there are not as many vectors as offers.
    """

    def __init__(
        self,
        own: Offers,
        theirs: Offers,
        candidates: Candidates,
        vectors: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        self.own, self.theirs, self.candidates, self.vectors = own, theirs, candidates, vectors
        if vectors is not None and (len(vectors[0]), len(vectors[1])) != (len(own), len(theirs)):
            raise DataError(
                f"expected a vector for each of {len(own):,} and {len(theirs):,} titles, got "
                f"{len(vectors[0]):,} and {len(vectors[1]):,}"
            )

    def features(self, own: np.ndarray, theirs: np.ndarray) -> pd.DataFrame:
        """Return what is known of some pairs.

        Parameters
        ----------
        own, theirs : numpy.ndarray
            Row numbers, shape (n_pairs,).

        Returns
        -------
        pandas.DataFrame, shape (n_pairs, n_features)
            float64; NaN where one of the two says nothing.
        """
        parts = [
            self._features(own[start : start + _PAIRS_AT_ONCE], theirs[start : start + _PAIRS_AT_ONCE])
            for start in range(0, max(len(own), 1), _PAIRS_AT_ONCE)
        ]
        return pd.concat(parts, ignore_index=True)

    def _features(self, a: np.ndarray, b: np.ndarray) -> pd.DataFrame:
        word, character = self._cosines(a, b)
        found = {"word_cosine": word, "character_cosine": character}
        if self.vectors is not None:
            found["embedding_cosine"] = (self.vectors[0][a] * self.vectors[1][b]).sum(axis=1)
        found |= self._leads(a, b, found)
        found |= self._shared_words(a, b)
        found |= self._shared_sets(a, b)
        found |= self._written(a, b)
        return pd.DataFrame({name: np.asarray(values, dtype=np.float64) for name, values in found.items()})

    @cached_property
    def _words(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix, np.ndarray]:
        left, right = membership(self.own.words, self.theirs.words)
        return left, right, _rarity(left, right)

    @cached_property
    def _word_vectors(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        left, right, rarity = self._words
        return _unit(left, rarity), _unit(right, rarity)

    @cached_property
    def _character_vectors(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        from sklearn.feature_extraction.text import HashingVectorizer

        reader = HashingVectorizer(
            analyzer="char_wb",
            ngram_range=(3, 5),
            n_features=_MOST_CHARACTER_KEYS,
            norm=None,
            alternate_sign=False,
            dtype=np.float32,
        )
        left, right = (reader.transform(list(side.titles)) for side in (self.own, self.theirs))
        left.data[:], right.data[:] = 1 + np.log(left.data), 1 + np.log(right.data)
        rarity = _rarity(left.sign(), right.sign())
        return _unit(left, rarity), _unit(right, rarity)

    def _cosines(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        word, character = (
            _row_sums(left[a].multiply(right[b]))
            for left, right in (self._word_vectors, self._character_vectors)
        )
        return word, character

    @cached_property
    def _rivals(self) -> dict[str, tuple[_Rivals, _Rivals]]:
        """For each kind of cosine the best candidates of every product, seen from both sides."""
        a, b = self.candidates.own, self.candidates.theirs
        values: dict[str, list[np.ndarray]] = {"word": [], "character": []}
        if self.vectors is not None:
            values["embedding"] = []
        for start in range(0, len(a), _PAIRS_AT_ONCE):
            rows, columns = a[start : start + _PAIRS_AT_ONCE], b[start : start + _PAIRS_AT_ONCE]
            for name, part in zip(values, self._cosines(rows, columns), strict=False):
                values[name].append(part)
            if self.vectors is not None:
                values["embedding"].append((self.vectors[0][rows] * self.vectors[1][columns]).sum(axis=1))
        rivals = {}
        for name, parts in values.items():
            cosine = np.concatenate(parts) if parts else np.empty(0)
            rivals[name] = (_Rivals(a, b, cosine, len(self.own)), _Rivals(b, a, cosine, len(self.theirs)))
        return rivals

    def _leads(self, a: np.ndarray, b: np.ndarray, cosines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """How much closer the two are than each is to the next best candidate."""
        found = {}
        for name, (of_own, of_theirs) in self._rivals.items():
            cosine = cosines[f"{name}_cosine"]
            found[f"{name}_lead_own"] = cosine - of_own.best_beside(a, b)
            found[f"{name}_lead_theirs"] = cosine - of_theirs.best_beside(b, a)
        return found

    def _shared_words(self, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
        left, right, rarity = self._words
        weights = sparse.diags(rarity / np.log(len(self.own) + len(self.theirs) + 1))
        ours, others = left[a].dot(weights).tocsr(), right[b].dot(weights).tocsr()
        both = ours.multiply(right[b]).tocsr()
        shared, mine, yours = _row_sums(both), _row_sums(ours), _row_sums(others)
        return {
            "own_words_found": shared / np.maximum(mine, 1e-9),
            "their_words_found": shared / np.maximum(yours, 1e-9),
            "word_overlap": shared / np.maximum(mine + yours - shared, 1e-9),
            "rarest_shared": _row_max(both),
            "rarest_own_only": _row_max((ours - both).tocsr()),
            "rarest_their_only": _row_max((others - both).tocsr()),
            "own_length": _row_sums(left[a]),
            "their_length": _row_sums(right[b]),
        }

    @cached_property
    def _sets(self) -> dict[str, tuple[sparse.csr_matrix, sparse.csr_matrix]]:
        return {
            "codes": membership(self.own.codes, self.theirs.codes),
            "numbers": membership(self.own.numbers, self.theirs.numbers),
        }

    @cached_property
    def _quantities(self) -> tuple[np.ndarray, np.ndarray]:
        own, theirs = (quantity_frame(side.titles).to_numpy() for side in (self.own, self.theirs))
        return own, theirs

    def _shared_sets(self, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
        found = {}
        for name, (left, right) in self._sets.items():
            shared = _row_sums(left[a].multiply(right[b]))
            found[f"{name}_shared"] = shared
            found[f"{name}_own_only"] = _row_sums(left[a]) - shared
            found[f"{name}_their_only"] = _row_sums(right[b]) - shared
        mine, yours = self._quantities[0][a], self._quantities[1][b]
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = np.abs(np.log(mine / yours))
        found["quantities_agree"] = (apart <= _SAME_QUANTITY).sum(axis=1)
        found["quantities_contradict"] = (apart > _SAME_QUANTITY).sum(axis=1)
        return found

    def _written(self, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
        """Compare what is written letter by letter: codes, brands, model numbers, the first word."""
        rows = np.full((len(a), len(_WRITTEN)), np.nan)
        for at, (i, j) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
            rows[at] = _compared(self.own, i, self.theirs, j)
        return dict(zip(_WRITTEN, rows.T, strict=True))


_WRITTEN = (
    "own_code_found", "their_code_found", "nearest_code", "same_brand", "brand_found", "same_model",
    "own_model_found", "their_model_found", "same_first_word", "first_word_found",
)  # fmt: skip


def _compared(own: Offers, i: int, theirs: Offers, j: int) -> tuple[float, ...]:
    mine, yours = own.codes[i], theirs.codes[j]
    my_text, your_text = own.squashed[i], theirs.squashed[j]
    my_brand, your_brand = own.squashed_brands[i], theirs.squashed_brands[j]
    my_model, your_model = own.squashed_models[i], theirs.squashed_models[j]
    my_words, your_words = own.words[i], theirs.words[j]
    nan = float("nan")
    brand = nan
    if my_brand and your_brand:
        part = my_brand in your_brand or your_brand in my_brand
        brand = 1.0 if my_brand == your_brand else 0.5 if part else 0.0
    return (
        max((len(code) for code in mine if code in your_text), default=0),
        max((len(code) for code in yours if code in my_text), default=0),
        1.0 if mine & yours else _nearest(mine, yours),
        brand,
        float(my_brand in your_text) if my_brand else nan,
        _alike(my_model, your_model) if my_model and your_model else nan,
        float(my_model in your_text) if len(my_model) >= _SHORTEST_MODEL else nan,
        float(your_model in my_text) if len(your_model) >= _SHORTEST_MODEL else nan,
        float(my_words[:1] == your_words[:1]),
        float(bool(my_words) and my_words[0] in your_words),
    )


def _nearest(mine: frozenset[str], yours: frozenset[str]) -> float:
    """Return the likeness of the two codes that are most alike; NaN where a side has none."""
    if not mine or not yours:
        return float("nan")
    some, others = (sorted(codes)[:_LONGEST_CODE_LIST] for codes in (mine, yours))
    return max(_alike(one, other) for one in some for other in others)


def _alike(one: str, other: str) -> float:
    """Return Dice's coefficient of the pairs of neighboring letters, 0 to 1."""
    if one == other:
        return 1.0
    first, second = ({text[at : at + 2] for at in range(len(text) - 1)} for text in (one, other))
    return 2 * len(first & second) / max(len(first) + len(second), 1)


class _Rivals:
    """The best and the second best partner of every product among the candidates."""

    def __init__(self, of: np.ndarray, partner: np.ndarray, cosine: np.ndarray, size: int) -> None:
        self._first, self._second, self._best = np.zeros(size), np.zeros(size), np.full(size, -1)
        order = np.lexsort((partner, -cosine, of))
        product, start = np.unique(of[order], return_index=True)
        self._first[product] = cosine[order][start]
        self._best[product] = partner[order][start]
        following = start + 1
        another = (following < len(order)) & (of[order][np.minimum(following, len(order) - 1)] == product)
        self._second[product[another]] = cosine[order][following[another]]

    def best_beside(self, product: np.ndarray, partner: np.ndarray) -> np.ndarray:
        """Return the best cosine of each product with another than its partner; 0 where there is none."""
        return np.where(self._best[product] == partner, self._second[product], self._first[product])


def _rarity(left: sparse.csr_matrix, right: sparse.csr_matrix) -> np.ndarray:
    holders = np.asarray(left.sum(axis=0) + right.sum(axis=0)).ravel()
    return np.log((left.shape[0] + right.shape[0] + 1) / (holders + 1))


def _unit(matrix: sparse.csr_matrix, rarity: np.ndarray) -> sparse.csr_matrix:
    weighted = matrix.dot(sparse.diags(rarity.astype(np.float32))).tocsr()
    length = np.sqrt(np.maximum(_row_sums(weighted.multiply(weighted)), 1e-12))
    return sparse.diags(1 / length).dot(weighted).tocsr()


def _row_sums(matrix: sparse.spmatrix) -> np.ndarray:
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()


def _row_max(matrix: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(matrix.max(axis=1).todense(), dtype=np.float64).ravel()


def feature_names(reader: PairReader) -> Sequence[str]:
    """Return the names of the features that a reader gives."""
    nothing = np.empty(0, dtype=np.int64)
    return list(reader.features(nothing, nothing).columns)
