"""What shops call the columns of their sales, and which column plays which role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import pandas as pd

from pricelm.catalog.column_names import normalized_name
from pricelm.core.errors import ConfigError, DataError

# The first name of a list that a table has wins.
_NAMES = {
    "sku": "sku sku_id product_id item_id product_code item_code upc ean gtin barcode "
    "stock_code product item style 货号 商品编号 商品id 条码",
    "store": "store store_id shop shop_id location location_id outlet retailer market branch 店铺 门店",
    "date": "date week week_start day month month_year period sold_at order_date invoice_date timestamp "
    "transaction_timestamp 日期 周 时间",
    "price": "price unit_price sale_price selling_price avg_price net_price paid_price 单价 售价 价格 成交价",
    "units": "units quantity qty units_sold sales_units unit_sales sold volume move sales 销量 数量",
    "regular_price": "regular_price list_price base_price shelf_price retail_price msrp 原价 标价",
    "on_hand": "on_hand stock stock_on_hand inventory available 库存",
    "unit_cost": "unit_cost cost cost_price purchase_price cogs wholesale_price 成本 进价",
    "competitor_price": "competitor_price comp_price rival_price competitors_price 竞品价格",
    "customer": "customer customer_id household household_id user user_id 客户 用户",
    "category": "category product_category product_category_name department 类目 分类",
    "currency": "currency currency_code 币种",
    "unit": "unit uom unit_of_measure 单位",
}
SALES_ROLES = tuple(_NAMES)
NEEDED = ("sku", "date", "price", "units")
_PROMOTION_WORDS = frozenset(
    {"promo", "promotion", "promotions", "display", "disp", "feature", "feat", "mailer", "coupon"}
    | {"deal", "flyer", "ad", "促销", "活动"}
)
_MOST_PROMOTIONS = 8


@dataclass(frozen=True)
class SalesColumns:
    """The column of each role; None where there is none.

    Parameters
    ----------
    sku, date, price, units : str
        The columns that every table of sales has.
    store, regular_price, on_hand, unit_cost, competitor_price : str, optional
        Columns that help.
    customer, category, currency, unit : str, optional
        Columns that help.
    promotions : tuple of str
        Columns that say what was promoted: 0/1, yes/no, or a share.
    """

    sku: str
    date: str
    price: str
    units: str
    store: str | None = None
    regular_price: str | None = None
    on_hand: str | None = None
    unit_cost: str | None = None
    competitor_price: str | None = None
    customer: str | None = None
    category: str | None = None
    currency: str | None = None
    unit: str | None = None
    promotions: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, str | list[str]]:
        """Return the roles that have a column."""
        given = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            role: list(column) if isinstance(column, tuple) else column
            for role, column in given.items()
            if column
        }


def infer_sales_columns(
    frame: pd.DataFrame, overrides: Mapping[str, str | Sequence[str]] | None = None
) -> SalesColumns:
    """Find out which column is which, by name.

    Parameters
    ----------
    frame : pandas.DataFrame
        Sales as read.
    overrides : mapping, optional
        Role to column; ``"promotions"`` to a column or several.

    Returns
    -------
    SalesColumns
        A column for every role that was found.

    Raises
    ------
    DataError
        If sku, date, price or units cannot be told, or a named column is not there.
    ConfigError
        If a key of ``overrides`` is no role.

    Examples
    --------
    >>> frame = pd.DataFrame(columns=["UPC", "Week", "Unit Price", "Qty", "on_display"])
    >>> found = infer_sales_columns(frame)
    >>> found.sku, found.units, found.promotions
    ('UPC', 'Qty', ('on_display',))
    """
    said = dict(overrides or {})
    unknown = sorted(set(said) - {*SALES_ROLES, "promotions"})
    if unknown:
        possible = ", ".join((*SALES_ROLES, "promotions"))
        raise ConfigError(f"expected one of the roles {possible}, got {unknown[0]!r}")
    columns = [str(name) for name in frame.columns]
    roles: dict[str, str] = {}
    for role, value in said.items():
        named = [value] if isinstance(value, str) else list(value)
        for column in named:
            if column not in columns:
                raise DataError(
                    f"no column {column!r} for {role!r} among {_listed(columns)}. Name one of these"
                )
        if role != "promotions":
            roles[role] = named[0]
    by_name = {normalized_name(column): column for column in reversed(columns)}
    for role, names in _NAMES.items():
        if role not in roles:
            taken = set(roles.values())
            found = [by_name[name] for name in names.split() if by_name.get(name, "") not in {"", *taken}]
            if found:
                roles[role] = found[0]
    missing = [role for role in NEEDED if role not in roles]
    if missing:
        raise DataError(
            f"expected sales with a column of {' and of '.join(missing)}, got {_listed(columns)}. "
            f"Name it: --column {missing[0]}=COLUMN, or columns={{{missing[0]!r}: 'COLUMN'}}"
        )
    return SalesColumns(**roles, promotions=_promotions(columns, said.get("promotions"), set(roles.values())))


def _promotions(columns: list[str], said: str | Sequence[str] | None, taken: set[str]) -> tuple[str, ...]:
    if said is not None:
        return (said,) if isinstance(said, str) else tuple(said)
    found = [
        column
        for column in columns
        if column not in taken and _PROMOTION_WORDS & set(normalized_name(column).split("_"))
    ]
    return tuple(found[:_MOST_PROMOTIONS])


def _listed(columns: list[str]) -> str:
    shown = ", ".join(map(repr, columns[:30]))
    return shown + (f" and {len(columns) - 30} more" if len(columns) > 30 else "")
