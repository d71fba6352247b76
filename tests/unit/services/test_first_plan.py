"""The first plan of a shop, from wherever its products are."""

from __future__ import annotations

import pandas as pd
import pytest

from pricelm.core.errors import DataError
from pricelm.services import product_table
from pricelm.services.first_plan import plan_from_source


@pytest.mark.parametrize(
    ("products", "said"),
    [
        ({"sku": ["a"]}, "expected a column 'price'"),
        (
            {"sku": ["a"], "price": ["free"], "unit_cost": [1], "units": [1], "own_price_elasticity": [-2]},
            "none of 1 products",
        ),
    ],
)
def test_no_error_repeats_the_password_of_a_database(
    monkeypatch: pytest.MonkeyPatch, products: dict[str, list[object]], said: str
) -> None:
    monkeypatch.setattr(product_table, "read_listings", lambda *_, **__: pd.DataFrame(products))
    with pytest.raises(DataError, match=said) as caught:
        plan_from_source("sqlite://", "postgresql://shop:secret@host/shop", "ann", query="select 1")
    assert "secret" not in str(caught.value) and "postgresql://..." in str(caught.value)
