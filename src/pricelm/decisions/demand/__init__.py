"""Demand: what a price does to the units sold, with uncertainty, support and strength of evidence.

Sales in, records out: nothing here reads a file, knows a model of texts or decides on a price.
"""

from pricelm.decisions.demand.choice import ChoiceModel, ChoicePanel
from pricelm.decisions.demand.curves import ElasticityCurve
from pricelm.decisions.demand.ladder import DemandConfig
from pricelm.decisions.demand.launch import willingness_to_pay
from pricelm.decisions.demand.learn import learn_demand
from pricelm.decisions.demand.panel import SalesPanel, weekly_panel
from pricelm.decisions.demand.records import Confounding, DemandEstimate, DemandModel

__all__ = [
    "ChoiceModel",
    "ChoicePanel",
    "Confounding",
    "DemandConfig",
    "DemandEstimate",
    "DemandModel",
    "ElasticityCurve",
    "SalesPanel",
    "learn_demand",
    "weekly_panel",
    "willingness_to_pay",
]
