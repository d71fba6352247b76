"""Optimization: the best prices of an assortment under rules, with a bound on how much better any could be.

It takes facts, rules and a demand curve, and knows neither files nor people.
"""
