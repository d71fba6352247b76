"""Cells that a spreadsheet would run as a formula: they are made text before a file goes back to a person."""

from __future__ import annotations

import csv
import re
from pathlib import Path

_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*)([eE][+-]?\d+)?%?")


def plain_cell(value: str) -> str:
    """Return a cell as text that no spreadsheet runs; numbers stay as they are.

    Examples
    --------
    >>> plain_cell("=1+1"), plain_cell("-3.50"), plain_cell("red mug")
    ("'=1+1", '-3.50', 'red mug')
    """
    if value.lstrip(" ").startswith(_STARTS) and not _NUMBER.fullmatch(value.strip()):
        return f"'{value}"
    return value


def defuse_csv(source: Path, target: Path) -> None:
    """Copy a CSV file with every cell as `plain_cell` has it, header and all."""
    with (
        source.open(encoding="utf-8", newline="") as read,
        target.open("w", encoding="utf-8", newline="") as write,
    ):
        writer = csv.writer(write, lineterminator="\n")
        for row in csv.reader(read):
            writer.writerow([plain_cell(cell) for cell in row])
