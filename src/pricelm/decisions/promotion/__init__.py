"""Promotion: what past campaigns brought, and which to run in the next weeks.

Sales in, records out: nothing here reads a file.
"""

from pricelm.decisions.promotion.calendar import Calendar, CalendarLimits, Candidate, plan_calendar
from pricelm.decisions.promotion.campaigns import Campaign, find_campaigns
from pricelm.decisions.promotion.candidates import CandidateConfig, candidates
from pricelm.decisions.promotion.config import PromotionConfig
from pricelm.decisions.promotion.measure import (
    CampaignEffect,
    Effect,
    PromotionStudy,
    measure_promotions,
)

__all__ = [
    "Calendar",
    "CalendarLimits",
    "Campaign",
    "CampaignEffect",
    "Candidate",
    "CandidateConfig",
    "Effect",
    "PromotionConfig",
    "PromotionStudy",
    "candidates",
    "find_campaigns",
    "measure_promotions",
    "plan_calendar",
]
