"""Files as they come: what cannot be used ends in one line and exit code 3, the rest is counted."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from pricelm.cli.main import app
from tests.generated_listings import ROLE_OPTIONS, listings_frame


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def error_of(result: Result) -> str:
    """Return the one line that says what is wrong."""
    lines = [line for line in result.stderr.splitlines() if line[:1] not in ("✓", " ", "")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output and result.stdout == ""
    return lines[0]


def csv_text(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False)


GOOD = listings_frame(60)
BAD_TRAINING_FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("l.csv", b"", "is empty"),
    "header only": ("l.csv", b"sku,name,maker,group,cost\n", "is empty"),
    "no price column": ("l.csv", csv_text(GOOD.drop(columns="cost")).encode(), "'cost'"),
    "all prices equal": ("l.csv", csv_text(GOOD.assign(cost=5)).encode(), "different prices"),
    "no usable price": ("l.csv", csv_text(GOOD.assign(cost="N/A")).encode(), "none of 60 rows"),
    "gzip bomb": ("l.csv.gz", gzip.compress(b"name,cost\n" + b"a" * (60 << 20)), "bomb"),
    "one endless field": ("l.csv", b"name,cost\n" + b"a" * 3_000_000 + b",5\n", "characters"),
    "thousands of columns": (
        "l.csv",
        (",".join(f"c{n}" for n in range(3000)) + "\n").encode() * 2,
        "columns",
    ),
    "binary": ("l.csv", bytes(range(256)) * 40, "l.csv"),
    "a folder": ("l.csv", b"", "directory"),
}


@pytest.mark.parametrize("case", BAD_TRAINING_FILES)
def test_a_file_that_cannot_be_used_ends_in_one_line(case: str, tmp_path: Path) -> None:
    name, content, message = BAD_TRAINING_FILES[case]
    path = tmp_path / name
    path.mkdir() if case == "a folder" else path.write_bytes(content)
    result = run("train", path, "--out", tmp_path / "m", "--preset", "fast", "--price", "cost")
    assert result.exit_code == 3, result.output
    assert message in error_of(result)
    assert [entry.name for entry in tmp_path.iterdir()] == [name], "nothing is left behind"


def test_a_truncated_parquet_file(fast_bundle: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    GOOD.to_parquet(buffer)
    (tmp_path / "l.parquet").write_bytes(buffer.getvalue()[:-300])
    result = run("predict", fast_bundle, tmp_path / "l.parquet", "-o", tmp_path / "p.csv")
    assert result.exit_code == 3
    assert "l.parquet" in error_of(result)
    assert not (tmp_path / "p.csv").exists()


def dirty_rows() -> list[list[str]]:
    """Return rows as people write them: 240 good ones, and one of each kind of trouble."""
    rows = [
        list(map(str, row)) for row in listings_frame(240).drop(columns="weight_kg").itertuples(index=False)
    ]
    for row, price in zip(
        rows, ("1.234,56 €", "￥1,299", "$20.99", "0", "-3", "inf", "NaN", "N/A", ""), strict=False
    ):
        row[-1] = price
    rows[20][1] = "<b>red</b> wooden sofa &amp; cushion 🔥"
    rows[21][1] = "blue wooden lamp " + "very good " * 100_000
    rows[22][0] = rows[23][0]
    return rows


def test_dirty_rows_are_counted_and_the_rest_is_learned_from(tmp_path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sku", "name", "maker", "group", "cost"])
    writer.writerows(dirty_rows())
    text.write("S9,only two\nS8,six,cells,in,this,row\n")
    (tmp_path / "l.csv").write_text(text.getvalue(), encoding="utf-8")
    options = ("--preset", "fast", "--currency", "USD", *ROLE_OPTIONS, "--json")
    result = run("train", tmp_path / "l.csv", "-o", tmp_path / "m", *options)
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    counts = document["rejected_counts"]
    assert document["rows_read"] == 242
    assert sum(counts.values()) == document["rows_read"] - document["rows_kept"] == 10
    rejected = pd.read_csv(tmp_path / "rejected.csv", keep_default_na=False)
    assert sorted(rejected["row"]) == [1, 2, 4, 5, 6, 7, 8, 9, 241, 242]
    values = dict(zip(rejected["row"], rejected["value"], strict=True))
    assert values[1] == "1.234,56 €" and values[2] == "￥1,299" and values[8] == "N/A"
    reasons = dict(zip(rejected["row"], rejected["reason"], strict=True))
    assert "currency is not USD" in reasons[1] and "currency is not USD" in reasons[2]
    assert "too few fields" in reasons[241] and "too many fields" in reasons[242]
    warnings = " ".join(document["warnings"])
    assert "cut at 20,000 characters" in warnings and "not unique" in warnings


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "gbk", "gb18030"])
def test_every_encoding_gives_the_same_prices(encoding: str, fast_bundle: Path, tmp_path: Path) -> None:
    new = listings_frame(30, seed=6).drop(columns="cost")
    new["maker"] = "中文商品名称品牌"
    prices = {}
    for one in ("utf-8", encoding):
        (tmp_path / "new.csv").write_bytes(csv_text(new).encode(one))
        result = run("predict", fast_bundle, tmp_path / "new.csv", "-o", tmp_path / "p.csv", "--keep-columns")
        assert result.exit_code == 0, result.stderr
        prices[one] = pd.read_csv(tmp_path / "p.csv")
    pd.testing.assert_frame_equal(prices["utf-8"], prices[encoding])
    assert (prices[encoding]["maker"] == "中文商品名称品牌").all()


def test_a_category_that_was_never_seen_gets_a_price(fast_bundle: Path) -> None:
    result = run("quote", fast_bundle, "--title", "red wooden sofa", "--category", "Garden/Gnomes", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["estimate"]["predicted_price"] > 0


@pytest.mark.parametrize("damage", ["cut short", "missing", "of a later version"])
def test_a_damaged_bundle_ends_in_one_line(damage: str, fast_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(fast_bundle, tmp_path / "bundle"))
    trees = bundle / "members" / "tabular" / "trees.txt"
    if damage == "cut short":
        trees.write_bytes(trees.read_bytes()[:1000])
    elif damage == "missing":
        trees.unlink()
    else:
        document = json.loads((bundle / "model.json").read_text(encoding="utf-8"))
        (bundle / "model.json").write_text(json.dumps(document | {"schema_version": 99}))
    result = run("quote", bundle, "--title", "sofa")
    assert result.exit_code == 4
    assert "bundle" in error_of(result)
