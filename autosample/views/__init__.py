"""How a search and its result are shown: terminal, page, notebook, trackers."""
