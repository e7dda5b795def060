"""`python -m autosample`: the command line."""

from autosample.cli.main import main

main()
