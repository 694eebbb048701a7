"""`python -m gpstime` is `gpstime`."""

import sys

from gpstime.cli import main

sys.exit(main())
