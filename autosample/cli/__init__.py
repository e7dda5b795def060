"""The command line; nothing is imported here, so that --help does not wait."""
