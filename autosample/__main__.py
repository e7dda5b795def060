"""`python -m autosample`: the command line."""

from autosample.cli import main

main()
