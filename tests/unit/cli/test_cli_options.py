"""How options become roles and facts."""

from __future__ import annotations

import pytest

from pricelm.cli.options import column_roles, name_value_pairs
from pricelm.core.errors import ConfigError


def test_columns_of_one_kind_add_up() -> None:
    roles = column_roles({"price": None}, ["name, details", "notes"], ["text=more", "ignore=a", "ignore=b=c"])
    assert roles == {"text": ["name", "details", "notes", "more"], "ignore": ["a", "b=c"]}


@pytest.mark.parametrize("pair", ["brand", "=maker", "brand=", ""])
def test_a_pair_without_two_sides_is_refused(pair: str) -> None:
    with pytest.raises(ConfigError, match="ROLE=COLUMN"):
        column_roles({}, [], [pair])


def test_a_role_is_given_once() -> None:
    with pytest.raises(ConfigError, match="'price'"):
        column_roles({"price": "cost"}, [], ["price=amount"])
    assert column_roles({"price": "cost"}, [], ["price=cost"]) == {"price": "cost"}


def test_a_value_may_be_empty_but_not_its_name() -> None:
    assert name_value_pairs(["color="]) == {"color": ""}
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        name_value_pairs(["=red"])
