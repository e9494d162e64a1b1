"""The `countermark` command. Data on standard output, progress and errors on standard error.

Exit status: 0 satisfied · 1 findings (something differs, fails or is not registered) · 2 usage, or an
input that cannot be taken · 3 incomplete (a service could not be reached, or something was not checked).
"""

from countermark.cli.app import main

__all__ = ["main"]
