"""Markdown: prices that only fall, until a date by which the stock should be gone.

Demand and stock in, a policy out: nothing here reads a file.
"""

from pricelm.decisions.markdown.programme import MarkdownPlan, MarkdownProduct, plan_markdown
from pricelm.decisions.markdown.schedule import ExitProduct, Schedule, ScheduleConfig, markdown_schedule

__all__ = [
    "ExitProduct",
    "MarkdownPlan",
    "MarkdownProduct",
    "Schedule",
    "ScheduleConfig",
    "markdown_schedule",
    "plan_markdown",
]
