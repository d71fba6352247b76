"""Evaluation: metrics, confidence intervals, slices, coverage and the report."""
