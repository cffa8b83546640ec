"""`python -m jobhopper` is the same as `jobhopper`."""

import sys

from jobhopper.cli import main

sys.exit(main())
