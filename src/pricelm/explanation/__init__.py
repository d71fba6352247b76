"""Explanation: the words that moved a price, and other reasons."""
