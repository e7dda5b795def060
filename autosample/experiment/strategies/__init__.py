"""How a winner is found: an algorithm per file, and what algorithms share."""
