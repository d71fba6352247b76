"""Markdown: prices that only fall, until a date by which the stock should be gone.

Demand and stock in, a policy out: nothing here reads a file.
"""

from pricelm.decisions.markdown.programme import MarkdownPlan, MarkdownProduct, plan_markdown

__all__ = ["MarkdownPlan", "MarkdownProduct", "plan_markdown"]
