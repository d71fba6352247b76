from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.catalog.quantities import FIELDS, Quantities, parse_quantities, quantity_frame

# written by hand, apart from the parser's own table: unit, field, factor
MULTIPLIED_UNITS = [
    *((unit, "weight_g", 1.0) for unit in ("g", "gram", "grams", "克")),
    *((unit, "weight_g", 1000.0) for unit in ("kg", "KG", "kilograms", "千克", "公斤")),
    ("斤", "weight_g", 500.0),
    *((unit, "weight_g", 28.349523125) for unit in ("oz", "OZ", "ounces", "盎司")),
    *((unit, "weight_g", 453.59237) for unit in ("lb", "LBS", "pounds", "磅")),
    *((unit, "volume_ml", 1.0) for unit in ("ml", "mL", "毫升")),
    *((unit, "volume_ml", 1000.0) for unit in ("l", "L", "liter", "litres", "升")),
    *((unit, "volume_ml", 29.5735295625) for unit in ("fl oz", "fl. oz", "FL OZ", "fluid ounces")),
    *((unit, "volume_ml", 3785.411784) for unit in ("gal", "gallons", "加仑")),
    *((unit, "volume_ml", 946.352946) for unit in ("qt", "quarts")),
    *((unit, "volume_ml", 473.176473) for unit in ("pt", "pints")),
]
OTHER_UNITS = [
    *((unit, "length_cm", 1.0) for unit in ("cm", "厘米", "公分")),
    *((unit, "length_cm", 0.1) for unit in ("mm", "毫米")),
    *((unit, "length_cm", 100.0) for unit in ("m", "meters", "米")),
    *((unit, "length_cm", 30.48) for unit in ("ft", "feet", "英尺")),
    *((unit, "screen_inch", 1.0) for unit in ("inch", "inches", "in", '"', "”", "英寸", "寸")),
    *((unit, "area_m2", 1.0) for unit in ("m2", "㎡", "平方米")),
    *((unit, "area_m2", 0.09290304) for unit in ("sq ft", "square feet")),
    *((unit, "storage_gb", 1.0) for unit in ("GB", "gb")),
    ("TB", "storage_gb", 1000.0),
    *((unit, "power_w", 1.0) for unit in ("w", "W", "watts", "瓦")),
    ("kW", "power_w", 1000.0),
    *((unit, "battery_mah", 1.0) for unit in ("mAh", "毫安", "毫安时")),
]
TIGHT = ("m", "w", "W")
amounts = st.one_of(
    st.integers(1, 9999).map(float), st.decimals("0.1", "9999", places=2).map(float).filter(lambda v: v > 0)
)
packs = st.integers(1, 999)


def written(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def stated(text: str) -> dict[str, float]:
    return {name: value for name, value in asdict(parse_quantities(text)).items() if value is not None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 x 500ml", {"pack_count": 3, "volume_ml": 500, "total_volume_ml": 1500}),
        ("500g*2袋", {"pack_count": 2, "weight_g": 500, "total_weight_g": 1000}),
        ("500mlx6", {"pack_count": 6, "volume_ml": 500, "total_volume_ml": 3000}),
        ("6 PK/12 OZ", {"pack_count": 6, "weight_g": 340.194, "total_weight_g": 2041.166}),
        ("6/12 OZ", {"pack_count": 6, "weight_g": 340.194, "total_weight_g": 2041.166}),
        ("10 CT/15 OZ", {"pack_count": 10, "weight_g": 425.243, "total_weight_g": 425.243}),
        ("24 ct 10 oz", {"pack_count": 24, "weight_g": 283.495, "total_weight_g": 283.495}),
        ("6-pack, 330 ml", {"pack_count": 6, "volume_ml": 330, "total_volume_ml": 1980}),
        ("500 ml or 3 x 200ml", {"pack_count": 3, "volume_ml": 500, "total_volume_ml": 500}),
        ("6 cans of 330 ml", {"pack_count": 6, "volume_ml": 330, "total_volume_ml": 1980}),
        ("3盒 每盒500g", {"pack_count": 3, "weight_g": 500, "total_weight_g": 1500}),
        ("12件装", {"pack_count": 12}),
        ("三件套", {"pack_count": 3}),
        ("二十四罐", {"pack_count": 24}),
        ("一盒10片", {"pack_count": 10}),
        ("一箱24瓶", {"pack_count": 24}),
        ("10片/盒*3盒", {"pack_count": 30}),
        ("pack of 6", {"pack_count": 6}),
        ("Set of Four mugs", {"pack_count": 4}),
        ("2 packs of 24 ct", {"pack_count": 48}),
        ("1 dozen eggs", {"pack_count": 12}),
        ("24 ct", {"pack_count": 24}),
        ("300 CT(1)", {"pack_count": 300}),
        ("１２瓶", {"pack_count": 12}),
        ("两斤", {"weight_g": 1000, "total_weight_g": 1000}),
        ("半斤", {"weight_g": 250, "total_weight_g": 250}),
        ("三斤半", {"weight_g": 1750, "total_weight_g": 1750}),
        ("三两", {"weight_g": 150, "total_weight_g": 150}),
        ("1 1/2 LB", {"weight_g": 680.389, "total_weight_g": 680.389}),
        ("½ lb", {"weight_g": 226.796, "total_weight_g": 226.796}),
        ("1,000 g", {"weight_g": 1000, "total_weight_g": 1000}),
        ("1,5 kg", {"weight_g": 1500, "total_weight_g": 1500}),
        ("0,500 kg", {"weight_g": 500, "total_weight_g": 500}),
        (".33 OZ", {"weight_g": 9.355, "total_weight_g": 9.355}),
        ("65 inch TV", {"screen_inch": 65, "length_cm": 165.1}),
        ('15.6" laptop', {"screen_inch": 15.6, "length_cm": 39.624}),
        ("30 x 40 cm", {"length_cm": 40}),
        ("22 X12 IN", {"screen_inch": 22, "length_cm": 55.88}),
        ("8GB+128GB", {"storage_gb": 128}),
        ("美图T9 128G", {"storage_gb": 128}),
        ("月饼 500G", {"weight_g": 500, "total_weight_g": 500}),
        ("2万毫安", {"battery_mah": 20000}),
        ("4 x 100W", {"pack_count": 4, "power_w": 100}),
        ("6-pack, also as 12-pack", {"pack_count": 6}),
        ("24 ct, pack of 2", {"pack_count": 2}),
        ("5 \u212ag", {"weight_g": 5000, "total_weight_g": 5000}),
    ],
)
def test_reads_what_listings_write(text: str, expected: dict[str, float]) -> None:
    assert stated(text) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "iPhone 6/6s",
        "2 in 1",
        "5 in stock",
        "5G手机",
        "双11双重优惠",
        "第二件半价",
        "5克拉",
        "3个月",
        "10包邮",
        "i7-13620H",
        "2880 x 1800",
        "1.2.3 oz",
        "$5 lb",
        "971788 PK",
        "0 g",
        "3 İnch",
        "٣ kg",
        "9" * 400 + " ml",
    ],
)
def test_reads_nothing_where_nothing_is_stated(text: str) -> None:
    assert stated(text) == {}


@settings(deadline=None, max_examples=30)
@given(value=amounts)
@pytest.mark.parametrize(("unit", "field", "factor"), MULTIPLIED_UNITS + OTHER_UNITS)
def test_one_amount_comes_back_in_base_units(unit: str, field: str, factor: float, value: float) -> None:
    for space in ("",) if unit in TIGHT else ("", " "):
        read = stated(f"新 {written(value)}{space}{unit}")
        assert read[field] == pytest.approx(value * factor)
        assert "pack_count" not in read


@settings(deadline=None, max_examples=30)
@given(value=amounts, pack=packs, sign=st.sampled_from([" x ", "x", "*", " × "]))
@pytest.mark.parametrize(("unit", "field", "factor"), MULTIPLIED_UNITS)
def test_pack_and_amount_come_back_with_the_total(
    unit: str, field: str, factor: float, value: float, pack: int, sign: str
) -> None:
    for text in (f"{pack}{sign}{written(value)}{unit}", f"{written(value)}{unit}{sign}{pack}瓶"):
        read = stated(text)
        assert read["pack_count"] == pack
        assert read[field] == pytest.approx(value * factor)
        assert read[f"total_{field}"] == pytest.approx(pack * value * factor)


@settings(deadline=None, max_examples=50)
@given(pack=packs)
@pytest.mark.parametrize(
    "form",
    [
        *("{}-pack", "{} pack", "{} PK", "pack of {}", "set of {}", "{} ct", "{} count", "{} pcs"),
        *("{}件装", "{}片", "{}盒", "{}支装", "{} 只", "{}枚", "{}袋"),
    ],
)
def test_a_bare_count_comes_back(form: str, pack: int) -> None:
    assert stated(form.format(pack)) == {"pack_count": pack}


def in_chinese(number: int) -> str:
    digits = "零一二三四五六七八九"
    if number < 10:
        return digits[number]
    if number < 100:
        tens = "" if number < 20 else digits[number // 10]
        return tens + "十" + (digits[number % 10] if number % 10 else "")
    rest = number % 100
    middle = "" if not rest else ("零" + digits[rest] if rest < 10 else digits[rest // 10] + "十")
    end = digits[rest % 10] if rest >= 10 and rest % 10 else ""
    return digits[number // 100] + "百" + middle + end


@settings(deadline=None)
@given(number=st.integers(1, 999))
def test_chinese_numerals_read_as_digits_do(number: int) -> None:
    assert stated(f"{in_chinese(number)}斤") == stated(f"{number}斤")
    assert stated(f"{in_chinese(number)}瓶") == stated(f"{number}瓶")


@settings(deadline=None)
@given(kilograms=st.integers(1, 5000))
def test_units_of_one_weight_agree(kilograms: int) -> None:
    forms = [f"{kilograms} kg", f"{kilograms * 1000} g", f"{kilograms * 2}斤", f"{kilograms * 20}两"]
    assert len({stated(form)["weight_g"] for form in forms}) == 1


@settings(deadline=None)
@given(liters=st.integers(1, 5000))
def test_units_of_one_volume_and_length_and_storage_agree(liters: int) -> None:
    assert stated(f"{liters} L") == stated(f"{liters * 1000}毫升") == stated(f"{liters * 100} cl")
    assert stated(f"{liters}米")["length_cm"] == stated(f"{liters * 1000} mm")["length_cm"]
    assert stated(f"{liters} TB") == stated(f"{liters * 1000}GB")


HOSTILE = st.text(
    alphabet=st.sampled_from(list("0159.,/x×* -\n半两一十万g克斤盒片oflzOZGİıſ½²٣\"'")), max_size=60
)


@settings(deadline=None, max_examples=400)
@given(text=st.one_of(st.text(), HOSTILE))
def test_no_text_raises_and_every_number_is_finite_and_positive(text: str) -> None:
    assert all(np.isfinite(value) and value > 0 for value in stated(text).values())


@pytest.mark.parametrize(
    "piece",
    ["1", " ", "x", "x ", "1x", "1 x ", "1.", "1,", "1g*", "1 fl ", "1/2 ", "一", "半", "pack of ", "1盒"],
)
def test_hostile_text_is_read_to_its_end(piece: str) -> None:
    # a quadratic reading of so much would take hours
    stated((piece * 200_000)[:200_000])


def test_a_megabyte_is_read() -> None:
    assert stated("x" * 1_000_000 + " 3 x 500ml")["total_volume_ml"] == 1500


def test_the_frame_agrees_with_the_single_reading() -> None:
    texts = ["3 x 500ml", "", "两斤", "65 inch 128GB"]
    frame = quantity_frame(texts)
    assert list(frame.columns) == list(FIELDS)
    assert (frame.dtypes == "float64").all()
    for row, text in enumerate(texts):
        read = Quantities(**{k: None if np.isnan(v) else v for k, v in frame.iloc[row].to_dict().items()})
        assert read == parse_quantities(text)
