"""Views of a search and its result: terminal, pages, notebook, trackers."""
