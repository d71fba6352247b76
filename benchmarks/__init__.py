"""Benchmarks: what pricelm is worth, measured beside its peers on the same rows.

Every command prints a table for people and, as its last line, one JSON document for machines
(:mod:`benchmarks.results`). Nothing in ``src/pricelm`` imports this package.
"""
