"""Models: PriceModel: members (lexical, language, tabular), their blend, its calibration, and the bundle."""
