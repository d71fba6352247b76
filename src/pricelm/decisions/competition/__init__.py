"""Competition: which products are the same, where prices stand, how rivals answer, and where it ends.

Texts, prices and demand in, records out: nothing here reads a file, knows a language model or moves a price.
"""

from pricelm.decisions.competition.blocking import BlockingConfig, Candidates, block
from pricelm.decisions.competition.collusion import (
    CollusionConfig,
    CollusionWarning,
    judge_probes,
    watch_collusion,
)
from pricelm.decisions.competition.equilibrium import Equilibrium, bertrand, best_response, stackelberg
from pricelm.decisions.competition.learners import LearnerConfig, learn_sessions, symmetric_market
from pricelm.decisions.competition.logit import LogitMarket, sensitivity_from_elasticity
from pricelm.decisions.competition.offers import Offers
from pricelm.decisions.competition.pair_features import PairReader
from pricelm.decisions.competition.price_index import IndexConfig, PriceIndex, price_index
from pricelm.decisions.competition.price_war import PriceWar, RadarConfig, watch_price_war
from pricelm.decisions.competition.resting_price import RestingPrice, resting_market, resting_price
from pricelm.decisions.competition.scorers import LearnedScorer, PairScorer, RuleOfThumb, learn_scorer

__all__ = [
    "BlockingConfig",
    "Candidates",
    "CollusionConfig",
    "CollusionWarning",
    "Equilibrium",
    "IndexConfig",
    "LearnedScorer",
    "LearnerConfig",
    "LogitMarket",
    "Offers",
    "PairReader",
    "PairScorer",
    "PriceIndex",
    "PriceWar",
    "RadarConfig",
    "RestingPrice",
    "RuleOfThumb",
    "best_response",
    "bertrand",
    "block",
    "judge_probes",
    "learn_scorer",
    "learn_sessions",
    "price_index",
    "resting_market",
    "resting_price",
    "sensitivity_from_elasticity",
    "stackelberg",
    "symmetric_market",
    "watch_collusion",
    "watch_price_war",
]
