"""The soup: a supernet whose branches are averaged in parameter space."""
