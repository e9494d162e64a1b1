"""`python -m countermark`: the same as the `countermark` command."""

from countermark.cli import main

main()
