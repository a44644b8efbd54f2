"""`python -m gfla.animate` lists the commands, as `gfla` does."""

import sys

from .cli.commands import main

sys.exit(main())
