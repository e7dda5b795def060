"""The specification of a search, with its strategies, candidates and catalogue."""

from autosample.spec.search import SearchSpec

__all__ = ["SearchSpec"]
