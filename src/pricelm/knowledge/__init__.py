"""Knowledge: facts and limits. Pricing rules as typed, versioned data that bind, explain and check prices.

A rule is evaluated on product facts and prices and knows nothing of how a price is chosen.
"""
