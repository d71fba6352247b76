"""Services: one file a use case: reading, training, evaluating, pricing and quoting, put together for the
entry points. They print nothing; what happens is told to a :class:`pricelm.core.protocols.Progress`.
"""
