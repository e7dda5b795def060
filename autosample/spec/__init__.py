"""What may be asked of a search: its specification, strategies and candidates."""

from autosample.spec.search import SearchSpec

__all__ = ["SearchSpec"]
