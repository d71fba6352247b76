"""The fingerprint tells data apart and nothing else."""

from __future__ import annotations

import platform

import pandas as pd
import pytest

from pricelm.models.fingerprint import fingerprint, software_versions

FRAME = pd.DataFrame({"title": ["cup", "pot"], "price": [5.0, 9.0]}, index=[7, 9])


def test_order_of_columns_and_labels_of_rows_do_not_matter() -> None:
    assert fingerprint(FRAME[["price", "title"]]) == fingerprint(FRAME)
    assert fingerprint(FRAME.reset_index(drop=True)) == fingerprint(FRAME)


@pytest.mark.parametrize(
    "changed",
    [
        FRAME.assign(title=["cup", "pan"]),
        FRAME.assign(price=[5.0, 9.01]),
        FRAME.iloc[::-1],
        FRAME.head(1),
        FRAME.rename(columns={"title": "name"}),
    ],
)
def test_every_change_of_the_data_changes_it(changed: pd.DataFrame) -> None:
    assert fingerprint(changed) != fingerprint(FRAME)


def test_it_is_the_same_on_every_machine() -> None:
    assert fingerprint(FRAME) == "b6536cf0bea21132600a374e6e259e1f7efc39259284b1deb2c547af80793fc7"


def test_versions_name_python_and_the_libraries() -> None:
    versions = software_versions()
    assert versions["python"] == platform.python_version()
    assert {"pricelm", "numpy", "scikit-learn", "lightgbm"} <= set(versions)
