"""`python -m refa_cli` is the `refa` program."""

import sys

from refa_cli.app import main

if __name__ == "__main__":
    sys.exit(main())
