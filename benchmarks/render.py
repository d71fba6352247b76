"""``python -m benchmarks.render``: the documentation's tables, written from ``benchmarks/results``.

Writes ``docs/benchmarks.md`` and the part of ``README.md`` and ``README.zh-CN.md`` between
``<!-- benchmark:accuracy -->`` and ``<!-- /benchmark:accuracy -->``. With ``--check`` it writes nothing and
fails when a file is not what the results say.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import tables
from benchmarks.aggregate import LANGUAGE_GAIN
from benchmarks.autogluon_peer import NOT_INSTALLED
from benchmarks.ours import OURS
from benchmarks.results import Document, Row, read_document
from benchmarks.trainer_peer import ENGLISH_ONLY
from benchmarks.tuning_tables import tuning_sections
from pricelm.core.errors import DataError

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path("benchmarks/results")
PAGE = Path("docs/benchmarks.md")
START, END = "<!-- benchmark:accuracy -->", "<!-- /benchmark:accuracy -->"

_ENGLISH = {
    "set": "set",
    "gain": "gain from the language member",
    **tables.LABELS,
    "note": "RMSLE on rows that were not trained on (lower is better), with its 95 % interval; the same rows "
    "and the same text for all. Everything else is in [docs/benchmarks.md](docs/benchmarks.md).",
}
_CHINESE = {
    "set": "数据集",
    "gain": "语言模型成员的贡献",
    OURS: "pricelm（融合）",
    "median": "中位数猜测",
    "ridge": "TF-IDF + 岭回归",
    "boosting": "TF-IDF + SVD + LightGBM",
    "trainer": "transformers Trainer 直接微调",
    "autogluon": "AutoGluon tabular",
    NOT_INSTALLED: "未安装",
    "on fold 0 only": "仅第 0 折",
    ENGLISH_ONLY: "骨干模型仅支持英文",
    "note": "未参与训练的数据上的 RMSLE（越低越好）及其 95 % 置信区间；所有方法使用相同的行和相同的文本。"
    "其余指标见 [docs/benchmarks.md](docs/benchmarks.md)。",
}
READMES: dict[Path, Mapping[str, str]] = {Path("README.md"): _ENGLISH, Path("README.zh-CN.md"): _CHINESE}


def read_results(root: Path) -> dict[str, Document]:
    """Return the stored documents by the name of their table; none when nothing was run yet."""
    return {
        document.table: document for document in map(read_document, sorted((root / RESULTS).glob("*.json")))
    }


def page(documents: Mapping[str, Document]) -> str:
    """Return ``docs/benchmarks.md`` for stored documents."""
    parts = [
        "# Benchmarks",
        "Written by `python -m benchmarks.render` from `benchmarks/results`; do not edit. What is measured, "
        "and how to run it, is in `benchmarks/README.md`; what was tried on the way in `benchmarks/LOG.md`.",
    ]
    if "accuracy" in documents:
        parts += _accuracy_sections(documents["accuracy"])
    for name, document in documents.items():
        if name == "tuning":
            parts += ["## Tuning", *tuning_sections(document.rows), _made_with(document)]
        elif name != "accuracy":
            parts += [
                f"## {name.capitalize()}",
                tables.markdown(tables.row_table(document.rows)),
                _made_with(document),
            ]
    return "\n\n".join(parts) + "\n"


def readme_section(document: Document, words: Mapping[str, str]) -> str:
    """Return the accuracy table of a README, without its markers."""
    by_case = {case: tables.metrics_of(document.rows, case) for case in tables.cases_of(document.rows)}
    peers = list(dict.fromkeys(peer for rows in by_case.values() for peer in rows["rmsle"].peers))
    lines = []
    for case, rows in by_case.items():
        others = [tables.number(rows["rmsle"].peers.get(peer), "rmsle") for peer in peers]
        gain = tables.with_interval(rows[LANGUAGE_GAIN]) if LANGUAGE_GAIN in rows else "-"
        ours = f"**{tables.with_interval(rows['rmsle'])}**"
        lines.append([case, ours, *(words.get(other, other) for other in others), gain])
    heads = [words["set"], words[OURS], *(words.get(peer, peer) for peer in peers), words["gain"]]
    return f"{tables.markdown([heads, *lines])}\n\n{words['note']}"


def between_markers(text: str, section: str, path: Path) -> str:
    """Return a text with what stands between the markers replaced.

    Raises
    ------
    DataError
        If the text does not hold each marker once, in order.

    Examples
    --------
    >>> old = "a\\n<!-- benchmark:accuracy -->\\nold\\n<!-- /benchmark:accuracy -->\\nb"
    >>> between_markers(old, "new", Path("README.md")).splitlines()[3]
    'new'
    """
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise DataError(
            f"{path} is expected to hold {START} and, after it, {END}, each once. Add both lines."
        )
    before, rest = text.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n\n{section}\n\n{END}{after}"


def rendered(root: Path) -> dict[Path, str]:
    """Return every file that the results decide, with the text it should have.

    Parameters
    ----------
    root : Path
        Folder of the project.

    Returns
    -------
    dict of Path to str
        Empty when no benchmark was run yet.
    """
    documents = read_results(root)
    if not documents:
        return {}
    files = {root / PAGE: page(documents)}
    if "accuracy" in documents:
        for name, words in READMES.items():
            section = readme_section(documents["accuracy"], words)
            path = root / name
            old = path.read_text(encoding="utf-8") if path.is_file() else ""
            files[path] = between_markers(old, section, path)
    return files


def stale_files(root: Path) -> list[Path]:
    """Return the files that do not say what the results say."""
    return [
        path
        for path, text in rendered(root).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or check them; the exit code is 1 when a check finds one stale."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.render", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the project")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is stale")
    options = parser.parse_args(arguments)
    try:
        stale = stale_files(options.root)
        for path in stale:
            if not options.check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(rendered(options.root)[path], encoding="utf-8")
            print(f"{path}: {'stale, run python -m benchmarks.render' if options.check else 'written'}")
    except DataError as error:
        print(f"benchmarks.render: {error}", file=sys.stderr)
        return 2
    return 1 if stale and options.check else 0


def _accuracy_sections(document: Document) -> list[str]:
    rows = document.rows
    parts = ["## Accuracy"]
    for case in tables.cases_of(rows):
        count = tables.metrics_of(rows, case)["test_rows"]
        parts.append(f"### {case}\n\n{tables.number(count.ours, 'test_rows')} test rows.")
        parts.append(tables.markdown(tables.predictor_table(rows, case)))
        parts += _published(tables.metrics_of(rows, case))
    parts += ["### What pricelm gains", tables.markdown(tables.gain_table(rows))]
    parts += [
        "Positive is better; *equal* means that the paired 95 % interval, drawn over groups of "
        "near-duplicates, holds zero.",
        "### 90 % intervals",
        tables.markdown(tables.interval_table(rows)),
        "### Bars",
        tables.markdown(tables.bar_table(rows)),
        _made_with(document),
    ]
    return parts


def _published(by_metric: Mapping[str, Row]) -> list[str]:
    lines = [
        f"- {source}: {metric} {value}"
        for metric, row in by_metric.items()
        for source, value in row.published.items()
    ]
    return ["Published by others:\n\n" + "\n".join(lines)] if lines else []


def _made_with(document: Document) -> str:
    return "Measured with " + ", ".join(f"{name} {value}" for name, value in document.versions.items()) + "."


if __name__ == "__main__":
    sys.exit(main())
