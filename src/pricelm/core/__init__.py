"""Core: the nouns, protocols and errors that every other room shares.

This room imports nothing of pricelm and nothing heavier than the standard library.
"""
