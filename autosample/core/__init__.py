"""Nouns that every room shares: configuration, seeds, shapes, progress, tensors."""
