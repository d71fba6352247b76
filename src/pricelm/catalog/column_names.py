"""What shops call their columns, in English and Chinese, in order of trust for each role."""

from __future__ import annotations

import re
import unicodedata

from pricelm.catalog.currencies import ISO_CODES

# The first name of a list that a table has wins.
_NAMES = {
    "price": """
        price sale_price selling_price discounted_price current_price final_price actual_price item_price
        product_price unit_price price_per_unit our_price amount_paid list_price regular_price
        retail_price sold_price asking_price msrp mrp 价格 售价 现价 单价 商品价格 销售价 促销价 成交价
        到手价 标价 原价 מחיר
    """,
    "currency": "currency currency_code price_currency 币种 货币",
    "listing_id": """
        listing_id id item_id product_id sku sku_id uniq_id unique_id uuid train_id test_id pid asin upc
        ean gtin barcode code 编号 商品编号 商品id 商品_id 货号 条码 条形码 ברקוד
    """,
    "title": """
        title name product_name product_title item_name item_title listing_title listing_name goods_name
        heading headline 标题 商品标题 商品名 商品名称 产品名称 名称 品名 宝贝标题 宝贝名称 שם_מוצר
        product item goods
    """,
    "description": """
        description item_description product_description listing_description desc long_description
        details about about_product product_details body feature features specification specifications
        specs 描述 商品描述 商品详情 详情 介绍 商品介绍 简介 说明
    """,
    "brand": """
        brand brand_name product_brand brand_or_shop manufacturer maker vendor designer 品牌 品牌名
        品牌名称 厂商 生产商 店名 店铺 יצרן
    """,
    "category": """
        category category_name category_path product_category product_category_name main_category
        categories product_category_tree subcategory sub_category product_type department type 类目 分类
        类别 品类 商品类别 商品分类 种类
    """,
    "condition": """
        condition item_condition item_condition_id condition_id product_condition 成色 新旧程度 新旧 品相
    """,
    "listed_at": """
        listed_at listing_date date_listed date listed created_at created posted_at published_at
        crawl_timestamp timestamp datetime time updated_at update_time purchase_date invoice_date
        month_year 时间 日期 上架时间 发布时间 更新时间 创建时间
    """,
    "image": """
        image image_path image_file image_url image_link image_filename image_name images img img_path
        img_url picture picture_path picture_file picture_url pictures pic photo photo_path photo_file
        photo_url photos main_image main_image_url main_image_path main_picture thumbnail 图片 主图
        商品图片 商品主图 图片路径 图片文件 图片链接 图片地址 主图链接 图像 照片
    """,
}
NAMES_OF_ROLE: dict[str, tuple[str, ...]] = {role: tuple(names.split()) for role, names in _NAMES.items()}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[\W_]+")
_IDENTIFIER = re.compile(
    r"^index$|(?:^|_)(?:ids?|uuid|guid|sku|upc|ean|gtin|asin|isbn|barcode|urls?|links?)$"
)


def normalized_name(column: str) -> str:
    """Return a column name in lower case with underscores between its words.

    Examples
    --------
    >>> normalized_name("UnitPrice"), normalized_name("Sub Category"), normalized_name("价格（元）")
    ('unit_price', 'sub_category', '价格_元')
    """
    text = _CAMEL.sub("_", unicodedata.normalize("NFKC", column))
    return _NOT_WORD.sub("_", text).strip("_").lower()


def columns_named_like(role: str, columns: list[str]) -> list[str]:
    """Return the columns whose names fit a role, the most trusted first.

    Parameters
    ----------
    role : str
        A key of ``NAMES_OF_ROLE``.
    columns : list of str
        Column names as they are.

    Examples
    --------
    >>> columns_named_like("price", ["retail_price", "price_cny", "pricey"])
    ['price_cny', 'retail_price']
    """
    ranks = {name: rank for rank, name in enumerate(NAMES_OF_ROLE[role])}
    found: list[tuple[int, int, str]] = []
    for position, column in enumerate(columns):
        name = normalized_name(column)
        if role == "price":
            words = [
                word
                for word in name.split("_")
                if word.upper() not in ISO_CODES and word not in ("元", "rmb")
            ]
            name = "_".join(words)
        if name in ranks:
            found.append((ranks[name], position, column))
    return [column for _, _, column in sorted(found)]


def names_an_identifier(column: str) -> bool:
    """Tell whether a column's name says that its values only identify or link something.

    Examples
    --------
    >>> names_an_identifier("manufacturer_id"), names_an_identifier("width")
    (True, False)
    """
    name = normalized_name(column)
    return bool(_IDENTIFIER.search(name)) or name.startswith("unnamed")
