"""``python -m benchmarks.competition``: are matches right, equilibria exact, warnings justified?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.results import Document, Row, passes, versions
from benchmarks.tables import plain, row_table
from pricelm.decisions.competition import (
    CollusionWarning,
    LearnerConfig,
    LogitMarket,
    Offers,
    PairReader,
    RuleOfThumb,
    bertrand,
    best_response,
    block,
    learn_scorer,
    learn_sessions,
    symmetric_market,
    watch_collusion,
)
from pricelm.decisions.competition.rule_of_thumb import THRESHOLD, WEIGHTS
from pricelm.decisions.competition.scorers import best_threshold, match_quality

SETS = ("Walmart-Amazon", "Amazon-Google", "Abt-Buy")
DITTO = {"Walmart-Amazon": 0.8676, "Amazon-Google": 0.7558, "Abt-Buy": 0.8933}
_BAR = 0.85
_MARGIN = 0.15
_SEED = 42


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """The pairs of one set with what is known of them.

    Parameters
    ----------
    name : str
        The set.
    reader : PairReader
        Of the two catalogs.
    own, theirs : numpy.ndarray
        Row of each pair.
    labels, test : numpy.ndarray of bool
        Matches, and the given test split.
    features : pandas.DataFrame
        Of the pairs.
    """

    name: str
    reader: PairReader
    own: np.ndarray
    theirs: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    features: pd.DataFrame


def read_pairs(folder: Path, name: str) -> LabelledPairs:
    """Read one set of ``product_matching``; a product is known by its title, which the pairs give."""
    products = pd.read_csv(folder / "products.csv", dtype=str, keep_default_na=False)
    pairs = pd.read_csv(folder / "pairs.csv", dtype=str, keep_default_na=False)
    products, pairs = products[products["source"] == name], pairs[pairs["source"] == name]
    sides = []
    for side in ("left", "right"):
        rows = products[products["side"] == side].drop_duplicates("title")
        brand = rows["brand"].where(rows["brand"] != "", rows["manufacturer"])
        sides.append(
            Offers.of(
                rows.assign(sku=rows["title"], brand=brand, model=rows["modelno"])[
                    ["sku", "title", "brand", "model"]
                ]
            )
        )
    own, theirs = sides
    a = pd.Index(own.skus).get_indexer(pairs["title_a"])
    b = pd.Index(theirs.skus).get_indexer(pairs["title_b"])
    reader = PairReader(own, theirs, block(own, theirs))
    labels, test = (pairs["match"] == "1").to_numpy(), (pairs["split"] == "test").to_numpy()
    return LabelledPairs(name, reader, a, b, labels, test, reader.features(a, b))


def matching_rows(sets: Sequence[LabelledPairs]) -> Iterator[Row]:
    """Yield F1 on the test pairs beside a TF-IDF matcher, calibration, blocking, and transfer."""
    for known in sets:
        learn, test = ~known.test, known.test
        scorer = learn_scorer(known.features[learn], known.labels[learn], known.own[learn], _SEED)
        confidence = scorer.score(known.features[test])
        f1, precision, recall = match_quality(confidence >= scorer.threshold, known.labels[test])
        tfidf = tfidf_f1(known)
        limit = min(_BAR, tfidf + _MARGIN) if known.name == SETS[0] else tfidf + _MARGIN
        bar = f">= {limit:.4f}"
        published = {"Ditto (Li et al., 2021)": DITTO[known.name]}
        yield Row(known.name, "f1", f1, None, {"TF-IDF": tfidf}, published, bar, passes(f1, bar))
        yield Row(known.name, "precision", precision)
        yield Row(known.name, "recall", recall)
        yield Row(known.name, "calibration_error", calibration_error(confidence, known.labels[test]))
        yield Row(known.name, "blocker_recall", *blocker_recall(known))
        f1 = match_quality(transferred(sets, known) >= THRESHOLD, known.labels[test])[0]
        yield Row(known.name, "f1 without labels of this shop", f1)


def tfidf_f1(known: LabelledPairs) -> float:
    """Return the test F1 of the better of two TF-IDF cosines, chosen and cut on the pairs for learning."""
    found = []
    for name in ("word_cosine", "character_cosine"):
        cosine, labels = known.features[name].to_numpy(), known.labels
        cut = best_threshold(cosine[~known.test], labels[~known.test])
        learned, tested = (
            match_quality(cosine[part] >= cut, labels[part])[0] for part in (~known.test, known.test)
        )
        found.append((learned, tested))
    return max(found)[1]


def calibration_error(confidence: np.ndarray, labels: np.ndarray, bins: int = 10) -> float:
    """Return the mean distance of confidence and share of matches over ten bins, weighted by pairs."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[bin_of == one].mean() - labels[bin_of == one].mean()) * (bin_of == one).mean()
        for one in np.unique(bin_of)
    ]
    return float(np.sum(gaps))


def blocker_recall(known: LabelledPairs) -> tuple[float, None, dict[str, float | str]]:
    """Return the share of matches among the candidates, and how many candidates there are a product."""
    size = len(known.reader.theirs)
    candidates = known.reader.candidates
    found = np.isin(
        known.own[known.labels] * size + known.theirs[known.labels], candidates.own * size + candidates.theirs
    )
    return float(found.mean()), None, {"candidates a product": len(candidates) / len(known.reader.own)}


def transferred(sets: Sequence[LabelledPairs], known: LabelledPairs) -> np.ndarray:
    """Return confidences of a set's test pairs by a rule of thumb that the other sets taught."""
    others = [one for one in sets if one.name != known.name]
    return RuleOfThumb(weights=rule_of_thumb(others)).score(known.features[known.test])


def rule_of_thumb(sets: Sequence[LabelledPairs]) -> dict[str, float]:
    """Return the weights of the matcher without labels; those of all three sets ship with pricelm."""
    from sklearn.linear_model import LogisticRegression

    names = [name for name in WEIGHTS if name != "intercept"]
    values = pd.concat([one.features.loc[~one.test, names].fillna(0.0) for one in sets])
    labels = np.concatenate([one.labels[~one.test] for one in sets])
    spread = values.std().replace(0, 1)
    fitted = LogisticRegression(C=0.1, max_iter=2000).fit(values / spread, labels)
    weights = dict(zip(names, (fitted.coef_[0] / spread).round(3).tolist(), strict=True))
    return {**weights, "intercept": round(float(fitted.intercept_[0]), 3)}


def scale_row(n_products: int, seed: int = _SEED) -> Row:
    """Return the blocker's recall on made-up catalogs of one size, a third of whose words are rewritten."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{number}" for number in range(20_000)])
    rank = np.minimum(rng.zipf(1.3, size=(n_products, 8)) - 1, len(words) - 1)
    titles = words[rank]
    codes = np.array([f"m{number:x}k" for number in rng.integers(16**5, 16**6, size=n_products)])
    changed = np.where(
        rng.random(titles.shape) < 0.33, words[rng.integers(len(words), size=titles.shape)], titles
    )
    with_code = rng.random(n_products) < 0.5
    sides = []
    for rows, shown in ((titles, np.full(n_products, True)), (changed, with_code)):
        texts = [
            " ".join([*row, *([code] if on else [])])
            for row, code, on in zip(rows, codes, shown, strict=True)
        ]
        nothing = ("",) * n_products
        sides.append(Offers(tuple(map(str, range(n_products))), tuple(texts), nothing, nothing))
    found = block(*sides)
    recall = float((found.own == found.theirs).sum() / n_products)
    share = len(found) / n_products
    return Row(
        f"made up, {n_products:,} x {n_products:,}",
        "blocker_recall",
        recall,
        None,
        {"candidates a product": share},
    )


def equilibrium_rows(markets: int) -> Iterator[Row]:
    """Yield equilibria beside published ones, the closed form, and repeated best responses."""
    paper = symmetric_market()
    for metric, market, published in (
        ("competitive price", paper, 1.473),
        ("joint price", paper.merged(), 1.925),
    ):
        price = float(bertrand(market).prices[0])
        bar = f"{published - 5e-4:.4f} .. {published + 5e-4:.4f}"
        source = {"Calvano et al. (2020)": published}
        yield Row("duopoly of the paper", metric, price, None, {}, source, bar, passes(price, bar))
    everyone = LogitMarket(np.full(4, 400.0), np.ones(4), np.array(list("abcd")), 2.0)
    gap = float(np.abs(bertrand(everyone).prices - (1 + 4 / 3 / 2)).max())
    yield Row(
        "4 equal sellers, all buy", "gap to cost + n/(n-1)/a", gap, None, {}, {}, "<= 1e-9", gap <= 1e-9
    )
    rng = np.random.default_rng(_SEED)
    worst = 0.0
    for _ in range(markets):
        n = int(rng.integers(2, 8))
        market = LogitMarket(
            rng.normal(1, 1.5, n),
            rng.uniform(0.5, 2, n),
            rng.choice(list("abc"), n),
            float(rng.uniform(0.5, 4)),
        )
        prices = market.cost + 1
        for _ in range(400):
            for seller in np.unique(market.seller):
                prices = best_response(market, prices, str(seller))
        worst = max(worst, float(np.abs(prices - bertrand(market).prices).max()))
    case = f"{markets} drawn markets"
    yield Row(case, "gap to repeated Lambert-W answers", worst, None, {}, {}, "<= 1e-9", worst <= 1e-9)


def collusion_rows(sessions: int, periods: int) -> Iterator[Row]:
    """Yield how often learners that collude are warned of, and sellers that compete by mistake."""
    market = symmetric_market()
    for case, patience, collude in (
        ("Q-learners (Calvano et al.)", 0.95, True),
        ("Q-learners that see only today", 0.0, False),
    ):
        learned = learn_sessions(market, sessions, LearnerConfig(patience=patience, periods=periods), _SEED)
        yield from _warned(case, learned.judged(), collude)
    level, joint = bertrand(market).prices, bertrand(market.merged()).prices
    seen = [watch_collusion(path, level, joint) for path in competitive_paths(market, sessions)]
    yield from _warned("best responses to moving costs", seen, False)


def competitive_paths(market: LogitMarket, sessions: int, days: int = 120) -> Iterator[np.ndarray]:
    """Yield prices of sellers that answer each other as best they can while costs move, with errors."""
    rng = np.random.default_rng(_SEED)
    for _ in range(sessions):
        cost = market.cost + 0.1 * np.sin(np.arange(days) / rng.uniform(5, 20))[:, None]
        prices, path = bertrand(market).prices, []
        for day in range(days):
            moved = LogitMarket(market.quality, cost[day], market.seller, market.price_sensitivity)
            mover = str(rng.choice(market.seller))
            prices = best_response(moved, prices, mover) * np.exp(
                rng.normal(0, 0.01, 2) * (market.seller == mover)
            )
            path.append(prices)
        yield np.array(path)


def _warned(case: str, seen: Sequence[CollusionWarning], collude: bool) -> Iterator[Row]:
    warned = float(np.mean([one.warned for one in seen]))
    elevated = float(np.mean([one.level != "none" for one in seen]))
    height = float(np.mean([one.elevation for one in seen]))
    metric = "warned" if collude else "warned by mistake"
    bar = None if collude else "<= 0.05"
    ok = None if bar is None else passes(warned, bar)
    yield Row(
        case, metric, warned, None, {"prices elevated": elevated, "way to joint price": height}, {}, bar, ok
    )


def competition_rows(
    data: Path, *, scale: int = 20_000, markets: int = 50, sessions: int = 24, periods: int = 400_000
) -> list[Row]:
    """Return matching, blocking, equilibria and warnings; ``data`` holds ``product_matching``."""
    folder = data / "product_matching"
    if not (folder / "pairs.csv").is_file():
        raise FileNotFoundError(f"expected {folder / 'pairs.csv'}; give its folder with --data")
    return [
        *matching_rows([read_pairs(folder, name) for name in SETS]),
        scale_row(scale),
        *equilibrium_rows(markets),
        *collusion_rows(sessions, periods),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 when every bar is reached, 1 when not, 2 without the data."""
    options = _parser().parse_args(arguments)
    try:
        rows = competition_rows(
            options.data,
            scale=options.scale,
            markets=options.markets,
            sessions=options.sessions,
            periods=options.periods,
        )
    except FileNotFoundError as error:
        print(f"benchmarks.competition: {error}", file=sys.stderr)
        return 2
    document = Document("competition", rows, versions())
    document.write(options.out)
    print(plain(row_table(rows)))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.competition", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder that holds product_matching")
    add("--scale", type=int, default=20_000, help="products of a side for the blocker")
    add("--markets", type=int, default=50, help="drawn markets")
    add("--sessions", type=int, default=24, help="pairs of learners")
    add("--periods", type=int, default=400_000, help="periods that they learn")
    add(
        "--out",
        type=Path,
        default=Path("benchmarks/results/competition.json"),
        help="where the document goes",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
