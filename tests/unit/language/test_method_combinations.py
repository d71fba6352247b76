"""Methods together with the other ways to carry a run out: they must change memory or time, not weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pricelm.language.config import TuningConfig
from pricelm.language.regressor import LanguageRegressor

MakeConfig = Callable[..., TuningConfig]
RowsOf = tuple[list[str], np.ndarray]


@pytest.mark.parametrize("method", ["last-1", "lora", "adalora", "prompt", "adapter"])
def test_forgetting_states_changes_no_weight(method: str, tiny_config: MakeConfig, rows: RowsOf) -> None:
    plain, thrifty = (
        LanguageRegressor(
            tiny_config(method=method, epochs=1, dropout=0.0, gradient_checkpointing=forget)
        ).fit(*rows)
        for forget in (False, True)
    )
    np.testing.assert_allclose(thrifty.predict(rows[0]), plain.predict(rows[0]), atol=1e-5)


@pytest.mark.parametrize("method", ["lora", "adalora"])
def test_two_processes_tune_like_one(method: str, tiny_config: MakeConfig, rows: RowsOf) -> None:
    alone, together = (
        LanguageRegressor(tiny_config(method=method, epochs=1, dropout=0.0, processes=count)).fit(*rows)
        for count in (1, 2)
    )
    np.testing.assert_allclose(together.predict(rows[0]), alone.predict(rows[0]), atol=1e-4)
    assert together.method_report_ == alone.method_report_


@pytest.mark.parametrize("head", ["quantile", "both"])
def test_heads_take_facts_beside_the_text(head: str, tiny_config: MakeConfig, rows: RowsOf) -> None:
    facts = np.column_stack([rows[1] * 2, np.full(len(rows[1]), np.nan)])
    model = LanguageRegressor(tiny_config(head=head, method="lora", epochs=2)).fit(*rows, facts=facts)
    assert np.isfinite(model.predict(rows[0], facts=facts)).all()
