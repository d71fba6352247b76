"""Units of measure as listings write them, in English and Chinese, and the expression that finds one.

Used by :mod:`pricelm.catalog.quantities` alone; it knows no number and no phrase.
"""

from __future__ import annotations

import re

# kind -> factor to the base unit -> spellings. "container" multiplies a weight or volume of the same text
# ("6-pack 330 ml" is 1980 ml); "piece" does not ("24 ct 10 oz" weighs 10 oz).
SPELLINGS: dict[str, dict[float, str]] = {
    "weight_g": {
        1: "g gr gm gms gram grams 克",
        1000: "kg kgs kilo kilos kilogram kilograms 千克 公斤",
        500: "斤 市斤",
        50: "两",
        28.349523125: "oz ozs ounce ounces 盎司",
        453.59237: "lb lbs pound pounds 磅",
    },
    "volume_ml": {
        1: "ml milliliter milliliters millilitre millilitres 毫升",
        10: "cl",
        1000: "l lt ltr ltrs liter liters litre litres 升",
        29.5735295625: "floz fl_oz fluid_ounce fluid_ounces 液量盎司 液盎司",
        473.176473: "pt pts pint pints 品脱",
        946.352946: "qt qts quart quarts 夸脱",
        3785.411784: "ga gal gals gallon gallons 加仑",
    },
    "length_cm": {
        0.1: "mm millimeter millimeters 毫米",
        1: "cm centimeter centimeters 厘米 公分",
        100: "m meter meters metre metres 米",
        30.48: "ft foot feet 英尺",
        91.44: "yd yds yard yards 码长",
    },
    "screen_inch": {1: "in inch inches \" '' 英寸 寸 吋"},
    "area_m2": {
        1: "m2 sqm square_meter square_meters 平方米 平米",
        0.09290304: "ft2 sqft sq_ft square_foot square_feet 平方英尺",
    },
    "storage_gb": {0.001: "mb", 1: "gb", 1000: "tb"},
    "power_w": {1: "w watt watts 瓦", 1000: "kw kilowatt kilowatts 千瓦"},
    "battery_mah": {1: "mah 毫安时 毫安"},
    "container": {
        1: "pk pks pack packs packets pkg pkgs bottles cans boxes bags jars tubes cartons "
        "瓶 盒 袋 包 罐 箱 桶 听 支 杯",
    },
    "piece": {
        1: "ct cnt count counts pc pcs piece pieces pair pairs roll rolls sheet sheets tablet tablets "
        "capsule capsules caps softgels wipes loads ea units sets "
        "件 个 只 片 条 枚 粒 颗 卷 抽 双 对 套 本 册 张 根 饼 入",
        12: "dz doz dozen dozens 打",
    },
}
UNITS: dict[str, tuple[str, float]] = {
    spelling.replace("_", " "): (kind, float(factor))
    for kind, by_factor in SPELLINGS.items()
    for factor, spellings in by_factor.items()
    for spelling in spellings.split()
}

# A unit that also begins another word is no unit there: 克拉 carat, 个月 months, 包邮 free postage.
_NOT_BEFORE = {
    "克": "拉隆斯莱",
    "两": "个件只用天年种",
    "米": "粉饭色奇线糕白",
    "瓦": "楞片",
    "个": "月小人性",
    "包": "邮装裹臀",
    "只": "要需有能卖",
    "支": "持付",
    "对": "一比",
    "双": "十重面肩层头人",
    "套": "餐头",
    "入": "门手",
    "打": "折底造",
    "斤": "斤",
}


def unit_pattern() -> str:
    """Return the expression, without groups, that matches any known unit directly behind a number.

    Examples
    --------
    >>> bool(re.search(r"(?:5)" + unit_pattern(), "5kg", re.IGNORECASE | re.ASCII))
    True
    """
    latin: list[str] = []
    chinese: list[str] = []
    for spelling in sorted(UNITS, key=len, reverse=True):
        escaped = re.escape(spelling).replace(r"\ ", r"[ .]{1,2}")
        if spelling in ("m", "w"):
            escaped = rf"(?<=\d){escaped}"  # "5 m" and "8 W" are sizes of shoes
        elif spelling == "in":
            escaped += r"(?=\s{0,2}(?:$|[.,;:)×*/]|x\s?\d))"  # "5 in stock", "2 in 1"
        if spelling.isascii() and spelling[0].isalpha():
            latin.append(escaped)
        else:
            chinese.append(escaped + (f"(?![{_NOT_BEFORE[spelling]}])" if spelling in _NOT_BEFORE else ""))
    # behind a Latin unit no letter or digit may stand, except an x that joins the next number
    return rf"(?:(?:{'|'.join(latin)})(?![a-wyz0-9]|x(?!\s?\d))|{'|'.join(chinese)})"
