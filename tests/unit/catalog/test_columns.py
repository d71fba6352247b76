from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pricelm.catalog.column_names import normalized_name
from pricelm.catalog.columns import ROLES, ColumnMap, infer_columns
from pricelm.catalog.kinds import attribute_kind, to_dates, to_numbers
from pricelm.core.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
WORDS = ["blue", "cotton", "shirt", "phone", "case", "leather", "wireless", "mouse", "garden", "table"]


def titles(count: int) -> list[str]:
    return [" ".join(RNG.choice(WORDS, 4)) + f" {number}" for number in range(count)]


def roles(columns: ColumnMap) -> dict[str, str]:
    return {role: getattr(columns, role) for role in ROLES if getattr(columns, role)}


def test_second_hand_listings() -> None:
    n = 300
    frame = pd.DataFrame(
        {
            "train_id": [str(number) for number in range(n)],
            "name": titles(n),
            "item_condition_id": RNG.choice(["1", "2", "3"], n),
            "category_name": RNG.choice(["Men/Tops", "Women/Shoes"], n),
            "brand_name": RNG.choice(["Nike", np.nan], n),
            "price": RNG.uniform(3, 90, n).round(1).astype(str),
            "shipping": RNG.choice(["0", "1"], n),
            "item_description": titles(n),
        }
    )
    columns = infer_columns(frame, require_price=True)
    assert roles(columns) == {
        "listing_id": "train_id",
        "title": "name",
        "description": "item_description",
        "brand": "brand_name",
        "category": "category_name",
        "condition": "item_condition_id",
        "price": "price",
    }
    assert columns.numeric == ("shipping",) and columns.ignored == {}


def test_new_goods_with_two_prices_codes_and_ratings() -> None:
    n = 300
    frame = pd.DataFrame(
        {
            "uniq_id": [f"{RNG.integers(1 << 60):016x}" for _ in range(n)],
            "product_name": titles(n),
            "pid": [f"SRT{RNG.integers(1 << 50):013X}" for _ in range(n)],
            "retail_price": RNG.integers(100, 9_999, n).astype(str),
            "discounted_price": RNG.integers(100, 9_999, n).astype(str),
            "is_FK_Advantage_product": RNG.choice(["TRUE", "FALSE"], n),
            "product_rating": ["No rating available"] * (n - 2) + ["4.5", "3"],
        }
    )
    columns = infer_columns(frame)
    assert roles(columns) == {"listing_id": "uniq_id", "title": "product_name", "price": "discounted_price"}
    assert columns.numeric == ("retail_price",)
    assert columns.categorical == ("is_FK_Advantage_product", "product_rating")
    assert "codes" in columns.ignored["pid"]


def test_chinese_listings() -> None:
    frame = pd.DataFrame(
        {
            "商品标题": ["纯棉短袖衬衫", "蓝牙耳机"],
            "类目": ["服饰", "数码"],
            "店名": ["甲", "乙"],
            "成色": ["全新", "九成新"],
            "价格（元）": ["￥12", "￥99"],
            "上架时间": ["2019-10-25 15:13:41", "2019-10-26 15:13:41"],
        }
    )
    assert roles(infer_columns(frame)) == {
        "title": "商品标题",
        "brand": "店名",
        "category": "类目",
        "condition": "成色",
        "price": "价格（元）",
        "listed_at": "上架时间",
    }


def test_names_yield_to_content() -> None:
    frame = pd.DataFrame(
        {
            "name": titles(60),
            "price": ["low", "high"] * 30,
            "sale_price": ["$5.00", "$6.00"] * 30,
            "time": ["slow", "fast"] * 30,
        }
    )
    columns = infer_columns(frame)
    assert columns.price == "sale_price" and columns.listed_at is None
    assert columns.categorical == ("price", "time")


def test_a_price_without_a_name_is_found_by_its_currency() -> None:
    frame = pd.DataFrame({"name": titles(60), "cost to you": ["$5.00", "$6.00"] * 30})
    assert infer_columns(frame, require_price=True).price == "cost to you"


def test_no_price_column() -> None:
    frame = pd.DataFrame({"name": titles(60), "width": range(60)})
    assert infer_columns(frame).price is None
    with pytest.raises(DataError, match=r"'name', 'width'.*--price"):
        infer_columns(frame, require_price=True)


def test_the_wordiest_column_becomes_the_title_if_none_is_named_so() -> None:
    frame = pd.DataFrame({"product_category": ["a", "b"] * 40, "what": titles(80), "price": range(1, 81)})
    columns = infer_columns(frame)
    assert columns.title == "what" and columns.text == ()
    assert infer_columns(frame[["product_category", "price"]]).title is None


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("width", ["1.5", "2", "", "7"] * 30, "numeric"),
        ("width", [1.5, 2.25, np.nan, 4.0], "numeric"),
        ("x0", list(RNG.normal(size=40)), "numeric"),
        ("width", ["1,299", "5", "85%"] * 30, "numeric"),
        ("width", ["1", "2", "wide"] * 30, "categorical"),
        ("manufacturer_id", ["7", "8"] * 60, "categorical"),
        ("manufacturer_id", [str(number) for number in range(120)], "ignored"),
        ("barcode", [f"40{number:011d}" for number in range(120)], "ignored"),
        ("number", [f"40{number:011d}" for number in range(120)], "ignored"),
        ("zip", ["01234", "02345"] * 60, "categorical"),
        ("color", ["red", "blue"] * 60, "categorical"),
        ("note", titles(120), "text"),
        ("note", titles(10), "text"),
        ("code", [f"AB-{number:05d}" for number in range(120)], "ignored"),
        ("page", [f"https://shop.example/{number}" for number in range(120)], "ignored"),
        ("constant", ["x"] * 120, "ignored"),
        ("nothing", [np.nan] * 120, "ignored"),
        ("seen", [f"2024-01-{day:02d}" for day in range(1, 29)], "ignored"),
        ("tags", [["a", "b"], ["a"], ["b"]] * 40, "categorical"),
    ],
)
def test_kinds_of_attributes(name: str, values: list[object], kind: str) -> None:
    series = pd.Series(values, dtype=object).replace("", np.nan)
    found, why = attribute_kind(name, series)
    assert found == kind, why
    assert why


def test_every_column_has_one_place() -> None:
    frame = pd.DataFrame(
        {
            "id": range(80),
            "name": titles(80),
            "brand": "x",
            "color": ["red", "tan"] * 40,
            "price": range(1, 81),
        }
    )
    described = infer_columns(frame).describe()
    assert sorted(column for _, column, _ in described) == sorted(frame.columns)
    assert all(why for _, _, why in described)


def test_overrides_win() -> None:
    frame = pd.DataFrame(
        {
            "name": titles(80),
            "details": titles(80),
            "size": range(80),
            "price": range(1, 81),
            "cost": range(2, 82),
        }
    )
    said = {"price": "cost", "text": ["name"], "categorical": "size", "ignore": ["price"]}
    columns = infer_columns(frame, overrides=said)
    assert (columns.price, columns.title, columns.categorical) == ("cost", "name", ("size",))
    assert columns.description == "details" and columns.ignored == {"price": "as you said"}
    assert infer_columns(frame, overrides={"title": "details", "text": "name"}).text == ("name",)


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        ({"price": "prise"}, DataError, "did you mean 'price'"),
        ({"price": "zzz"}, DataError, "'name', 'price'"),
        ({"prize": "price"}, ConfigError, "expected a role"),
        ({"price": ["name", "price"]}, ConfigError, "one column"),
        ({"price": "price", "numeric": "price"}, ConfigError, "Name it once"),
    ],
)
def test_wrong_overrides(overrides: dict[str, object], error: type[Exception], message: str) -> None:
    frame = pd.DataFrame({"name": ["a", "b"], "price": [1, 2]})
    with pytest.raises(error, match=message):
        infer_columns(frame, overrides=overrides)  # type: ignore[arg-type]


def test_names_that_cannot_be_columns() -> None:
    with pytest.raises(DataError, match="names that are text"):
        infer_columns(pd.DataFrame([[1, 2]]))
    with pytest.raises(DataError, match="once"):
        infer_columns(pd.DataFrame([["a", "b"]], columns=["x", "x"]))


def test_maps_survive_json_and_refuse_strange_keys() -> None:
    columns = ColumnMap(title="name", text=("a", "b"), ignored={"c": "empty"}, reasons={"name": "said"})
    again = ColumnMap.from_dict(json.loads(json.dumps(columns.to_dict())))
    assert again == columns and again.reasons == columns.reasons
    assert columns.read_columns() == ("name", "a", "b")
    assert ColumnMap.from_dict({"title": "name"}) == ColumnMap(title="name")
    with pytest.raises(ConfigError, match="headline"):
        ColumnMap.from_dict({"headline": "name"})


def test_names_of_attributes_in_checked_listings() -> None:
    assert ColumnMap().checked_name("price") == "attr_price" and ColumnMap().checked_name("width") == "width"


@pytest.mark.parametrize(
    ("name", "normal"),
    [("UnitPrice", "unit_price"), ("SKU", "sku"), ("Sub Category", "sub_category"), ("商品ID", "商品id")],
)
def test_normalized_names(name: str, normal: str) -> None:
    assert normalized_name(name) == normal


def test_numbers() -> None:
    numbers = to_numbers(pd.Series(["1", " 2.5 ", "-3", "1,299", "85 %", "inf", "1,2", "x", None]))
    np.testing.assert_array_equal(numbers, [1, 2.5, -3, 1299, 85, np.nan, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    ("values", "second"),
    [
        (["25/12/2023", "01/02/2024"], "2024-02-01"),
        (["12/25/2023", "01/02/2024"], "2024-01-02"),
        (["2023-12-25", "2024-02-01 10:00"], "2024-02-01 10:00"),
        (["2023-12-25T00:00:00Z", "2024-02-01T10:00:00+08:00"], "2024-02-01 02:00"),
        (["20231225", "20240201"], "2024-02-01"),
        ([1703462400, 1706745600], "2024-02-01"),
        (["1703462400000", "1706745600000"], "2024-02-01"),
        (["soon", "2024-02-01"], "2024-02-01"),
        ([1.5, 2.5], None),
    ],
)
def test_dates(values: list[object], second: str | None) -> None:
    dates = to_dates(pd.Series(values, index=[3, 4]))
    assert dates.dtype == "datetime64[ns]" and dates.index.tolist() == [3, 4]
    assert dates.loc[4] == pd.Timestamp(second) if second else pd.isna(dates.loc[4])


def test_one_date_that_must_be_day_first_decides_for_the_column() -> None:
    dates = to_dates(pd.Series(["01/02/2024", "25/12/2023"]))
    assert dates.tolist() == [pd.Timestamp("2024-02-01"), pd.Timestamp("2023-12-25")]


@pytest.mark.parametrize(
    "name",
    ["image", "Image URL", "imagePath", "photo", "photo_path", "picture", "图片", "商品主图", "图片路径"],
)
def test_a_column_of_pictures_is_neither_text_nor_attribute(name: str) -> None:
    frame = pd.DataFrame(
        {
            "title": [f"red mug no {n}" for n in range(80)],
            name: [f"photos/{n}.jpg" for n in range(80)],
            "price": [5.0 + n for n in range(80)],
        }
    )
    columns = infer_columns(frame)
    assert columns.image == name
    assert (columns.text, columns.categorical, columns.title) == ((), (), "title")


def test_a_number_of_pictures_is_no_picture() -> None:
    frame = pd.DataFrame(
        {
            "title": [f"mug {n}" for n in range(80)],
            "photos": [n % 7 for n in range(80)],
            "price": range(5, 85),
        }
    )
    columns = infer_columns(frame)
    assert columns.image is None
    assert columns.numeric == ("photos",)
