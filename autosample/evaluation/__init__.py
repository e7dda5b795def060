"""Full ranking: which held-out items the model puts on top, and how sure that is."""
