"""Services: one file a use case: reading, training, evaluating, quoting, put together for the entry points.
"""
