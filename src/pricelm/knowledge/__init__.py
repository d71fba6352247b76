"""Knowledge: facts and limits: typed pricing rules, price endings, the brand and category graph."""
