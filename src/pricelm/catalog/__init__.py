"""Catalog: records in, checked records out: readers, column mapping, validation, cleaning, duplicates,
quantities, splits, leaks and the embedded shops. It knows no model and no torch.
"""
