"""How a winner is found: one file for each strategy."""
