"""A search from its data to its report."""
