"""Serving: a bundle made fast. It never imports torch."""
