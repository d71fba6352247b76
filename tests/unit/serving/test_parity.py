"""Parity: the figures beside plain formulas, and both refusals."""

from __future__ import annotations

import numpy as np
import pytest

from pricelm.core.errors import BundleError
from pricelm.serving.parity import check_parity, measure_parity

TRUTH = np.random.default_rng(0).normal(3, 1, 400)
MODEL = TRUTH + np.random.default_rng(1).normal(0, 0.5, 400)


def test_the_figures() -> None:
    got = MODEL + np.where(np.arange(400) == 7, 0.3, 0.01)
    parity = measure_parity("int8", MODEL, got, TRUTH)
    assert parity.largest_difference == pytest.approx(0.3)
    assert parity.mean_square_root == pytest.approx(np.sqrt((399 * 0.01**2 + 0.3**2) / 400))
    ratio = np.sqrt(((got - TRUTH) ** 2).mean() / ((MODEL - TRUTH) ** 2).mean())
    assert parity.error_ratio == pytest.approx(ratio)


def test_fewer_than_fifty_prices_say_nothing_of_the_error() -> None:
    some = np.where(np.arange(400) < 49, TRUTH, np.nan)
    assert measure_parity("int8", MODEL, MODEL, some).error_ratio is None
    assert measure_parity("int8", MODEL, MODEL).error_ratio is None


@pytest.mark.parametrize(("shift", "refused"), [(0.9e-4, False), (1.1e-4, True), (np.nan, True)])
def test_fp32_may_differ_by_a_ten_thousandth(shift: float, refused: bool) -> None:
    parity = measure_parity("fp32", MODEL, MODEL + shift * (np.arange(400) == 3), TRUTH)
    if refused:
        with pytest.raises(BundleError, match=r"0\.0001"):
            check_parity(parity)
    else:
        check_parity(parity)


@pytest.mark.parametrize(("factor", "refused"), [(1.009, False), (1.011, True)])
def test_int8_may_raise_the_error_by_a_hundredth(factor: float, refused: bool) -> None:
    parity = measure_parity("int8", MODEL, TRUTH + (MODEL - TRUTH) * factor, TRUTH)
    if refused:
        with pytest.raises(BundleError, match="raise the error by at most 1%"):
            check_parity(parity)
    else:
        check_parity(parity)


@pytest.mark.parametrize(("change", "refused"), [(0.049, False), (0.051, True), (np.nan, True)])
def test_without_prices_int8_may_change_little(change: float, refused: bool) -> None:
    parity = measure_parity("int8", MODEL, MODEL + change)
    if refused:
        with pytest.raises(BundleError, match="--listings"):
            check_parity(parity)
    else:
        check_parity(parity)
