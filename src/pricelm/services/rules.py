"""Rules: read a file, look for contradictions among its rules and with the products they are for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pricelm.knowledge.lint import Finding, lint_rules
from pricelm.knowledge.rule_files import load_rules
from pricelm.services.product_table import read_products


@dataclass(frozen=True)
class LintResult:
    """What was found.

    Parameters
    ----------
    rules, products : int
        How many were looked at; no products means that only the rules were.
    rejected : int
        Products that could not be used.
    findings : list of Finding
        Errors and warnings.
    """

    rules: int
    products: int
    rejected: int
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        """True when no finding is an error."""
        return all(finding.level != "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "ok": self.ok,
            "rules": self.rules,
            "products": self.products,
            "rejected": self.rejected,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def check_rules(
    rules: Path, products: str | Path | None = None, *, query: str | None = None, today: date | None = None
) -> LintResult:
    """Find contradictions in a file of rules.

    Parameters
    ----------
    rules : pathlib.Path
        YAML file.
    products : str or pathlib.Path, optional
        Table of products that the rules are for.
    query : str, optional
        SQL query, with a database address.
    today : datetime.date, optional
        The day that rules count from.

    Returns
    -------
    LintResult
        Findings.

    Raises
    ------
    RuleError
        If a rule is wrong or names a column that is not there.
    DataError
        If the products cannot be used.
    """
    book = load_rules(rules)
    if products is None:
        return LintResult(len(book), 0, 0, lint_rules(book))
    table = read_products(products, query=query, today=today, need_demand=False, need_cost=False)
    book = book.in_currency(table.facts.currency)
    return LintResult(len(book), len(table.facts), len(table.rejected), lint_rules(book, table.facts))
