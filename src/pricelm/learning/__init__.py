"""Learning: what happens to a model over time: search, comparison of methods, updates."""
