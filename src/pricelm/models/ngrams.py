"""Sparse word and character features of a listing, field by field, with crosses.

The crosses (brand x word, category x word) let a linear model say that "case" is cheap
beside "iphone" and dear beside "rolex"; they are the largest single gain of the lexical
member on second-hand listings.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from pricelm.catalog.quantities import quantity_frame
from pricelm.models.text import FeatureColumns, compose_text, headline, is_chinese, long_text, strings

_SEPARATOR = "\x1f"
_WORD = r"(?u)\b\w+\b"
_TOKEN_LIMIT_OF_A_CROSS = 24
_CJK_PAIR = re.compile(r"[\u3400-\u9fff]{2}|[^\W\u3400-\u9fff]+")
_FACTS = "facts"
_BLOCK_WEIGHTS = {"text_words": 1.4, _FACTS: 0.5}


class NgramFeatures:
    """Turns checked listings into one sparse matrix.

    Parameters
    ----------
    features : FeatureColumns
        Attribute columns to read.
    max_features : int, default 200_000
        Most n-grams kept for each block.

    Attributes
    ----------
    blocks_ : dict of str to CountVectorizer
        The fitted blocks in the order in which they are stacked.
    """

    def __init__(self, features: FeatureColumns, *, max_features: int = 200_000) -> None:
        self.features = features
        self.max_features = max_features
        self.blocks_: dict[str, CountVectorizer] = {}
        self.chinese_ = False

    def fit_transform(self, listings: pd.DataFrame) -> sparse.csr_matrix:
        """Learn the n-grams and return the matrix, shape (n_listings, n_features)."""
        self.chinese_ = is_chinese(headline(listings))
        small = len(listings) < 2000
        texts = self._texts(listings)
        matrices = []
        for name, options in self._block_options(small).items():
            if name == "text_words" and texts[name] == texts["headline_words"]:
                continue  # listings with nothing but a title: its words would count twice
            vectorizer = _vectorizer(name, options)
            try:
                matrices.append(vectorizer.fit_transform(texts[name]))
            except ValueError:  # no n-gram is frequent enough: the block has nothing to say
                continue
            self.blocks_[name] = vectorizer
        if not matrices:
            return sparse.csr_matrix((len(listings), 0), dtype=np.float32)
        return self._stack(matrices)

    def transform(self, listings: pd.DataFrame) -> sparse.csr_matrix:
        """Return the matrix of new listings, shape (n_listings, n_features)."""
        if not self.blocks_:
            return sparse.csr_matrix((len(listings), 0), dtype=np.float32)
        texts = self._texts(listings)
        return self._stack([block.transform(texts[name]) for name, block in self.blocks_.items()])

    def save(self, folder: Path) -> None:
        """Write the vocabulary as JSON and the weights as safetensors."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "features": self.features.to_dict(),
            "chinese": self.chinese_,
            "max_features": self.max_features,
            "blocks": {name: block.get_feature_names_out().tolist() for name, block in self.blocks_.items()},
        }
        (folder / "ngrams.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        weights = {name: block.idf_ for name, block in self.blocks_.items() if name != _FACTS}
        save_file(weights or {"empty": np.zeros(1)}, folder / "ngrams.safetensors")

    @classmethod
    def load(cls, folder: Path) -> NgramFeatures:
        """Read what `save` wrote."""
        document = json.loads((folder / "ngrams.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "ngrams.safetensors")
        ngrams = cls(FeatureColumns.from_dict(document["features"]), max_features=document["max_features"])
        ngrams.chinese_ = document["chinese"]
        options = ngrams._block_options(small=False)
        for name, tokens in document["blocks"].items():
            vocabulary = {token: position for position, token in enumerate(tokens)}
            kept = {**options[name], "vocabulary": vocabulary, "min_df": 1, "max_features": None}
            ngrams.blocks_[name] = _vectorizer(name, kept)
            if name != _FACTS:
                ngrams.blocks_[name].idf_ = weights[name]
        return ngrams

    def _block_options(self, small: bool) -> dict[str, dict[str, Any]]:
        rare, rarer = (1, 2) if small else (2, 3)
        common = {"sublinear_tf": True, "dtype": np.float32, "max_features": self.max_features}
        words = {**common, "ngram_range": (1, 2), "token_pattern": _WORD}
        chinese = {**common, "analyzer": "char", "ngram_range": (1, 4), "min_df": rare}
        latin = {**common, "analyzer": "char_wb", "ngram_range": (2, 5), "min_df": rarer}
        tokens = {"token_pattern": f"[^{_SEPARATOR}]+", "lowercase": False, "min_df": rare}
        options: dict[str, dict[str, Any]] = {
            "headline_words": {**words, "min_df": rare},
            "headline_characters": chinese if self.chinese_ else latin,
            "text_words": {**words, "min_df": rare},
            "crosses": {**common, **tokens},
            _FACTS: {**tokens, "binary": True, "dtype": np.float32, "max_features": self.max_features},
        }
        if self.chinese_:
            options["long_characters"] = {**chinese, "ngram_range": (1, 3), "min_df": rarer}
        return options

    def _texts(self, listings: pd.DataFrame) -> dict[str, list[str]]:
        heads, longs = headline(listings), long_text(listings, self.features)
        return {
            "headline_words": heads,
            "headline_characters": heads,
            "text_words": compose_text(listings, self.features),
            "long_characters": longs,
            "crosses": self._crosses(listings),
            _FACTS: self._facts(listings),
        }

    def _crosses(self, listings: pd.DataFrame) -> list[str]:
        lines = []
        rows = zip(
            strings(listings, "title"), strings(listings, "brand"), strings(listings, "category"), strict=True
        )
        for title, brand, category in rows:
            lowered = title.lower()
            words = _CJK_PAIR.findall(lowered)[:_TOKEN_LIMIT_OF_A_CROSS]
            leaf = category.rsplit("/", 1)[-1]
            root = category.split("/", 1)[0]
            tokens = [f"b={brand}", f"bc={brand}|{leaf}", f"bcr={brand}|{root}", *_path_tokens(category)]
            if brand:
                tokens += [f"bw={brand}|{word}" for word in words]
            if leaf:
                tokens += [f"cw={leaf}|{word}" for word in words]
            lines.append(_SEPARATOR.join(tokens))
        return lines

    def _facts(self, listings: pd.DataFrame) -> list[str]:
        columns = [
            [f"{name}={value}" if value else "" for value in strings(listings, name)]
            for name in ("condition", *self.features.categorical)
        ]
        columns.extend(
            _number_tokens(name, listings[name]) for name in self.features.numeric if name in listings
        )
        quantities = quantity_frame(headline(listings))
        columns.extend(_number_tokens(str(name), quantities[name]) for name in quantities.columns)
        return [_SEPARATOR.join(token for token in tokens if token) for tokens in zip(*columns, strict=True)]

    def _stack(self, matrices: list[sparse.csr_matrix]) -> sparse.csr_matrix:
        weighted = [
            matrix * np.float32(_BLOCK_WEIGHTS[name]) if name in _BLOCK_WEIGHTS else matrix
            for name, matrix in zip(self.blocks_, matrices, strict=True)
        ]
        return sparse.hstack(weighted, format="csr", dtype=np.float32)


def _vectorizer(name: str, options: dict[str, Any]) -> CountVectorizer:
    # a fact is there or not: how rare it is says nothing of its weight
    return CountVectorizer(**options) if name == _FACTS else TfidfVectorizer(**options)


def _path_tokens(category: str) -> list[str]:
    parts = category.split("/") if category else []
    return [f"c={'/'.join(parts[: depth + 1])}" for depth in range(len(parts))]


def _number_tokens(name: str, values: pd.Series) -> list[str]:
    """Half-octave bins: 450 g and 500 g share a token, 1 kg has another; zero has one of its own."""
    numbers = values.to_numpy(dtype=float)
    known = np.isfinite(numbers)
    with np.errstate(divide="ignore", invalid="ignore"):
        bins = np.where(numbers == 0, 0, np.round(np.log2(np.abs(numbers)) * 2))
    signs = np.where(numbers < 0, "-", np.where(numbers == 0, "zero", ""))
    return [f"{name}~{sign}{int(b)}" if k else "" for sign, b, k in zip(signs, bins, known, strict=True)]
