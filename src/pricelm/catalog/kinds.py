"""What a column holds, judged by its values: numbers, categories, text, dates, or nothing of use."""

from __future__ import annotations

import re
import warnings
from typing import Literal

import numpy as np
import pandas as pd

from pricelm.catalog.column_names import names_an_identifier

Kind = Literal["numeric", "categorical", "text", "ignored"]

_SAMPLE_ROWS = 20_000
_NUMERIC_SHARE = 0.95
_DATE_SHARE = 0.95
_FEW_VALUES = 50
_FEW_SHARE = 0.05
_UNIQUE_SHARE = 0.98
_TEXT_WORDS = 2.5
_TEXT_CHARS = 20
_CODE = re.compile(r"[\w./:#-]{4,64}", re.ASCII)
_CODED_SHARE = 0.95
_DIGIT_SHARE = 0.5
_LEADING_ZERO = re.compile(r"0\d+")
_LINK = re.compile(r"(?:https?:)?//\S+|\S+\.(?:jpe?g|png|webp|gif)", re.IGNORECASE)
_DATE_LIKE = re.compile(r".*\d.*[-/.:年T ].*\d.*")


def to_numbers(series: pd.Series) -> np.ndarray:
    """Read a column of numbers; "1,299" and "85%" count, anything else becomes NaN.

    Parameters
    ----------
    series : pandas.Series
        Text or numbers, shape (n,).

    Returns
    -------
    numpy.ndarray
        float64, shape (n,); never infinite.

    Examples
    --------
    >>> to_numbers(pd.Series(["1,299", "85%", "n/a"])).tolist()
    [1299.0, 85.0, nan]
    """
    if not pd.api.types.is_numeric_dtype(series.dtype):
        series = series.astype(object)
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    if not pd.api.types.is_numeric_dtype(series.dtype):
        odd = np.flatnonzero(np.isnan(numbers) & series.notna().to_numpy())
        texts = series.iloc[odd].astype(str).str.strip()
        grouped = texts.str.fullmatch(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\s*%?|[+-]?\d+(?:\.\d+)?\s*%")
        plain = texts.where(grouped).str.replace(",", "").str.rstrip("% ")
        numbers[odd] = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64)
    numbers[np.isinf(numbers)] = np.nan
    return numbers


def to_dates(series: pd.Series) -> pd.Series:
    """Read a column of dates in any one usual format.

    Day-first or month-first is decided by which of the two reads more of the column. Whole numbers are
    read as ``20240131`` or as seconds or milliseconds since 1970, by their size.

    Parameters
    ----------
    series : pandas.Series
        Text, dates or numbers, shape (n,).

    Returns
    -------
    pandas.Series
        datetime64[ns] in UTC without a time zone; NaT where there is no date.

    Examples
    --------
    >>> to_dates(pd.Series(["25/12/2023", "01/02/2024", "soon"])).dt.strftime("%d %b").tolist()[:2]
    ['25 Dec', '01 Feb']
    """
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return _naive(series)
    sample = sampled(series)
    if len(sample) and np.isfinite(to_numbers(sample)).mean() >= _DATE_SHARE:
        return _from_numbers(to_numbers(series), series)
    texts = series.astype(object).where(series.notna())
    with warnings.catch_warnings():
        # pandas warns where it has to guess a format; guessing is what is asked of it here.
        warnings.simplefilter("ignore", UserWarning)
        month_first = pd.to_datetime(texts, errors="coerce", utc=True)
        best = month_first
        if month_first.isna().sum() > series.isna().sum():
            day_first = pd.to_datetime(texts, errors="coerce", utc=True, dayfirst=True)
            best = max(month_first, day_first, key=lambda dates: int(dates.notna().sum()))
            rest = best.isna() & texts.notna()
            mixed = pd.to_datetime(
                list(texts[rest]), errors="coerce", utc=True, format="mixed", dayfirst=best is day_first
            )
            best = best.fillna(pd.Series(mixed, index=texts.index[rest]))
    return _naive(best)


def _naive(dates: pd.Series) -> pd.Series:
    if dates.dt.tz is not None:
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return dates.astype("datetime64[ns]")


def _from_numbers(numbers: np.ndarray, series: pd.Series) -> pd.Series:
    size = np.nanmedian(numbers)
    if 19_000_101 <= size <= 21_001_231:
        days = [f"{number:.0f}" for number in numbers]
        return pd.Series(pd.to_datetime(days, format="%Y%m%d", errors="coerce"), index=series.index)
    unit: Literal["s", "ms"] = "s" if size < 1e11 else "ms"
    if not (1e8 <= size < 1e10 or 1e11 <= size < 1e13):
        return pd.Series(pd.NaT, index=series.index, dtype="datetime64[ns]")
    return pd.to_datetime(pd.Series(numbers, index=series.index), unit=unit, errors="coerce")


def sampled(series: pd.Series) -> pd.Series:
    """Return the non-missing values of at most 20,000 evenly spaced rows."""
    if len(series) > _SAMPLE_ROWS:
        series = series.iloc[np.linspace(0, len(series) - 1, _SAMPLE_ROWS).astype(np.int64)]
    return series.dropna()


def looks_like_dates(series: pd.Series) -> bool:
    """Tell whether nearly all values of a column are dates; numbers alone do not count."""
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return True
    values = sampled(series).iloc[:1000]
    if not len(values) or pd.api.types.is_numeric_dtype(values.dtype):
        return False
    texts = values.astype(str)
    if texts.str.fullmatch(_DATE_LIKE).mean() < _DATE_SHARE or np.isfinite(to_numbers(texts)).mean() > 0.5:
        return False
    return bool(to_dates(texts).notna().mean() >= _DATE_SHARE)


def attribute_kind(column: str, series: pd.Series) -> tuple[Kind, str]:
    """Judge a column that has no role by its name.

    Parameters
    ----------
    column : str
        Its name; it matters for identifiers only.
    series : pandas.Series
        Its values, shape (n,).

    Returns
    -------
    (str, str)
        ``"numeric"``, ``"categorical"``, ``"text"`` or ``"ignored"``, and the reason in words.

    Examples
    --------
    >>> attribute_kind("width", pd.Series(["12.5", "8", "9.75"]))
    ('numeric', '100% of its values are numbers')
    """
    values = sampled(series)
    if not len(values):
        return "ignored", "it is empty"
    texts = values.astype(str)
    # Distinct values of the whole column: a sample of a long table would miss the rare ones.
    distinct = _distinct(series)
    if distinct == 1:
        return "ignored", f"it has one value only, {texts.iloc[0][:40]!r}"
    few = distinct <= max(_FEW_VALUES, _FEW_SHARE * len(series))
    if names_an_identifier(column):
        if few and distinct < 0.5 * len(series):
            return "categorical", f"an identifier with {distinct:,} different values"
        return "ignored", f"an identifier with {distinct:,} different values"
    if looks_like_dates(series):
        return "ignored", "a date that is not when the listing was made"
    unique = distinct >= _UNIQUE_SHARE * int(series.notna().sum())
    numeric = float(np.isfinite(to_numbers(values)).mean())
    if numeric >= _NUMERIC_SHARE and not _digits_are_a_code(texts, unique):
        return "numeric", f"{numeric:.0%} of its values are numbers"
    return _text_kind(texts, distinct, few=few, unique=unique, rows=len(series))


def _distinct(series: pd.Series) -> int:
    try:
        return int(series.nunique())
    except TypeError:  # lists and other values that cannot be hashed, from Parquet or SQL
        return int(series.dropna().astype(str).nunique())


def _digits_are_a_code(texts: pd.Series, unique: bool) -> bool:
    if texts.str.fullmatch(_LEADING_ZERO).mean() > 0.05:
        return True
    return bool(
        unique and len(texts) > _FEW_VALUES and texts.str.fullmatch(r"\d{8,}").mean() >= _UNIQUE_SHARE
    )


def _text_kind(texts: pd.Series, distinct: int, *, few: bool, unique: bool, rows: int) -> tuple[Kind, str]:
    if texts.str.fullmatch(_LINK).mean() >= _NUMERIC_SHARE:
        return "ignored", "links"
    chars, words = float(texts.str.len().mean()), float(texts.str.count(r"\s+").mean()) + 1
    wordy = words >= _TEXT_WORDS or chars >= _TEXT_CHARS
    coded = (
        texts.str.fullmatch(_CODE).mean() >= _CODED_SHARE and texts.str.contains(r"\d").mean() >= _DIGIT_SHARE
    )
    if unique and coded and rows > 2:
        return "ignored", f"codes that are all different, such as {texts.iloc[0][:40]!r}"
    if few and not (wordy and distinct > 0.5 * rows):
        return "categorical", f"{distinct:,} different values"
    return "text", f"{distinct:,} different values, on average {chars:.0f} characters"
