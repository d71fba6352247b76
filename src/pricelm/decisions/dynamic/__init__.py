"""Dynamic pricing: policies that set prices day by day inside the rules, and what can be said of them before.

A policy only ever sees what a shop sees. It is rehearsed in simulated markets, its decisions are logged with
their probabilities, another one can be judged from that log, and prices are tested by designs that do not
show two people two prices. Nothing here reads a file or owns a rule: rules are those of `pricelm.knowledge`.
"""

from pricelm.decisions.dynamic.guard import Guard, GuardConfig
from pricelm.decisions.dynamic.market import MARKETS, MarketConfig
from pricelm.decisions.dynamic.policy import Policy, PolicyConfig
from pricelm.decisions.dynamic.records import Outcome, Scene, Shop, Situation
from pricelm.decisions.dynamic.registry import POLICIES, build_policy
from pricelm.decisions.dynamic.regret import RegretMatrix, regret_matrix
from pricelm.decisions.dynamic.rehearsal import RehearsalConfig, rehearse
from pricelm.decisions.dynamic.shops import example_shop, learned_shop

__all__ = [
    "MARKETS",
    "POLICIES",
    "Guard",
    "GuardConfig",
    "MarketConfig",
    "Outcome",
    "Policy",
    "PolicyConfig",
    "RegretMatrix",
    "RehearsalConfig",
    "Scene",
    "Shop",
    "Situation",
    "build_policy",
    "example_shop",
    "learned_shop",
    "regret_matrix",
    "rehearse",
]
