"""Decisions: from a price that is right to a price that earns."""
