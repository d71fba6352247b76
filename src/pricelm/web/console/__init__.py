"""The console: browser pages for the people who decide on prices.

Pages ask services and show what they answer. Nothing here speaks SQL, decides on a price, or trusts a
browser: what a person may do is looked up again at every action.
"""
