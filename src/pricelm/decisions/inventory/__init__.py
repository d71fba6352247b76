"""Inventory: how much to have and when to order, from what is expected to sell at the chosen price.

Distributions of units and costs in, policies out: nothing here reads a file or decides on a price alone.
"""

from pricelm.decisions.inventory.cover import Cover, stock_cover
from pricelm.decisions.inventory.distributions import (
    DiscreteUnits,
    NormalUnits,
    ScipyUnits,
    UncertainUnits,
    units_from_draws,
)
from pricelm.decisions.inventory.horizon import HorizonCosts, HorizonPlan, plan_horizon
from pricelm.decisions.inventory.joint import JointChoice, JointProduct, price_and_stock
from pricelm.decisions.inventory.lead_time import LeadTime, protected_units
from pricelm.decisions.inventory.newsvendor import StockLevel, newsvendor, stock_cost
from pricelm.decisions.inventory.order_quantity import OrderQuantity, economic_order_quantity
from pricelm.decisions.inventory.plan import StockPlan, StockProduct, plan_stock
from pricelm.decisions.inventory.reorder import ReorderCosts, ReorderPolicy, reorder_policy
from pricelm.decisions.inventory.reorder_levels import LevelPolicy, reorder_levels

__all__ = [
    "Cover",
    "DiscreteUnits",
    "HorizonCosts",
    "HorizonPlan",
    "JointChoice",
    "JointProduct",
    "LeadTime",
    "LevelPolicy",
    "NormalUnits",
    "OrderQuantity",
    "ReorderCosts",
    "ReorderPolicy",
    "ScipyUnits",
    "StockLevel",
    "StockPlan",
    "StockProduct",
    "UncertainUnits",
    "economic_order_quantity",
    "newsvendor",
    "plan_horizon",
    "plan_stock",
    "price_and_stock",
    "protected_units",
    "reorder_levels",
    "reorder_policy",
    "stock_cost",
    "stock_cover",
    "units_from_draws",
]
