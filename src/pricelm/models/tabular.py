"""The tabular member: gradient boosting on attributes, parsed facts and topics of the title."""

from __future__ import annotations

import json
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from pricelm.catalog.quantities import quantity_frame
from pricelm.models.member import FitContext
from pricelm.models.text import FeatureColumns, headline, is_chinese, long_text, strings
from pricelm.models.trees import read_trees, write_trees

_TOPICS = 48
_RAREST_VALUE = 3
_MOST_VALUES = 5000
_BOOSTING = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "cat_smooth": 20.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


class TabularMember:
    """LightGBM on numbers, categories, quantities, text lengths and title topics.

    Attributes
    ----------
    values_ : dict of str to list of str
        The values of each categorical column that are frequent enough to have a code.
    """

    name = "tabular"

    def refusal(self, listings: pd.DataFrame, features: FeatureColumns) -> str:
        """Refuse fewer than 10 listings: a tree would have nothing to split."""
        return "" if len(listings) >= 10 else f"{len(listings)} listings are too few for boosted trees"

    def fit(self, listings: pd.DataFrame, target: np.ndarray, context: FitContext) -> TabularMember:
        """Learn log prices from attributes and facts."""
        self.features = context.features
        self.values_ = {name: _frequent(values) for name, values in self._categories(listings).items()}
        self._fit_topics(headline(listings), context.seed)
        table = self._table(listings)
        # positions, not names: LightGBM refuses names with characters that JSON escapes
        codes = list(range(len(self.values_)))
        self.booster_ = lightgbm.train(
            {**_BOOSTING, "seed": context.seed, "min_data_in_leaf": 20 if len(listings) >= 1000 else 5},
            lightgbm.Dataset(table.to_numpy(dtype=float), target, categorical_feature=codes),
            num_boost_round=400 if len(listings) >= 2000 else 150,
        )
        return self

    def predict(self, listings: pd.DataFrame) -> np.ndarray:
        """Return log prices, shape (n,)."""
        return np.asarray(self.booster_.predict(self._table(listings).to_numpy(dtype=float)), dtype=float)

    def save(self, folder: Path) -> None:
        """Write the trees as LightGBM text, the codes and topics as JSON and safetensors."""
        folder.mkdir(parents=True, exist_ok=True)
        write_trees(self.booster_, folder / "trees.txt")
        document = {
            "features": self.features.to_dict(),
            "values": self.values_,
            "topic_words": self.topic_words_,
            "chinese": self.chinese_,
        }
        (folder / "tabular.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        save_file({"idf": self.topic_idf_, "components": self.components_}, folder / "topics.safetensors")

    @classmethod
    def load(cls, folder: Path) -> TabularMember:
        """Read what `save` wrote."""
        member = cls()
        document = json.loads((folder / "tabular.json").read_text(encoding="utf-8"))
        member.features = FeatureColumns.from_dict(document["features"])
        member.values_ = document["values"]
        member.topic_words_, member.chinese_ = document["topic_words"], document["chinese"]
        topics = load_file(folder / "topics.safetensors")
        member.topic_idf_, member.components_ = topics["idf"], topics["components"]
        member._build_vectorizer()
        member.booster_ = read_trees(folder / "trees.txt")
        return member

    def _categories(self, listings: pd.DataFrame) -> dict[str, list[str]]:
        paths = [value.split("/") for value in strings(listings, "category")]
        columns = {f"category_{depth}": ["/".join(path[:depth]) for path in paths] for depth in (1, 2, 3)}
        columns.update({name: strings(listings, name) for name in ("brand", "condition")})
        # prefixed, because a shop may well call an attribute category_1
        columns.update({f"attribute:{name}": strings(listings, name) for name in self.features.categorical})
        return columns

    def _table(self, listings: pd.DataFrame) -> pd.DataFrame:
        columns: dict[str, np.ndarray] = {}
        categories = self._categories(listings)
        for name, values in self.values_.items():
            codes = {value: code for code, value in enumerate(values)}
            columns[name] = np.array([codes.get(value, np.nan) for value in categories[name]], dtype=float)
        for name in self.features.numeric:
            columns[f"number:{name}"] = _numbers(listings, name)
        heads, longs = headline(listings), long_text(listings, self.features)
        quantities = quantity_frame(heads)
        for name in quantities.columns:
            columns[f"quantity:{name}"] = quantities[name].to_numpy(dtype=float)
        columns["title_characters"] = np.array([len(text) for text in heads], dtype=float)
        columns["title_words"] = np.array([text.count(" ") for text in heads], dtype=float)
        columns["title_digits"] = np.array([sum(map(str.isdigit, text)) for text in heads], dtype=float)
        columns["long_characters"] = np.array([len(text) for text in longs], dtype=float)
        if len(self.topic_words_):
            topics = self.vectorizer_.transform(heads) @ self.components_.T
            columns.update({f"topic_{k}": topics[:, k] for k in range(topics.shape[1])})
        return pd.DataFrame(columns)

    def _fit_topics(self, heads: list[str], seed: int) -> None:
        self.chinese_ = is_chinese(heads)
        self.topic_words_, self.topic_idf_ = [], np.zeros(0)
        self.components_ = np.zeros((0, 0))
        vectorizer = TfidfVectorizer(**self._vectorizer_options(), min_df=2, max_features=50_000)
        try:
            matrix = vectorizer.fit_transform(heads)
        except ValueError:  # no word occurs twice
            return
        if matrix.shape[1] <= _TOPICS:
            return
        svd = TruncatedSVD(_TOPICS, n_iter=3, random_state=seed).fit(matrix)
        self.components_ = np.ascontiguousarray(svd.components_, dtype=np.float64)
        self.topic_words_ = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
        self.topic_idf_ = np.asarray(vectorizer.idf_)
        self._build_vectorizer()

    def _vectorizer_options(self) -> dict[str, object]:
        words: dict[str, object] = {"token_pattern": r"(?u)\b\w+\b", "ngram_range": (1, 1)}
        characters: dict[str, object] = {"analyzer": "char", "ngram_range": (1, 2)}
        return {"sublinear_tf": True, **(characters if self.chinese_ else words)}

    def _build_vectorizer(self) -> None:
        if not self.topic_words_:
            return
        vocabulary = {word: position for position, word in enumerate(self.topic_words_)}
        self.vectorizer_ = TfidfVectorizer(**self._vectorizer_options(), vocabulary=vocabulary)
        self.vectorizer_.idf_ = self.topic_idf_


def _frequent(values: list[str]) -> list[str]:
    counts = pd.Series(values, dtype=object).value_counts()
    kept = counts[(counts >= _RAREST_VALUE) & (counts.index != "")].head(_MOST_VALUES)
    return sorted(kept.index)


def _numbers(listings: pd.DataFrame, name: str) -> np.ndarray:
    if name not in listings.columns:
        return np.full(len(listings), np.nan)
    return pd.to_numeric(listings[name], errors="coerce").to_numpy(dtype=float)
