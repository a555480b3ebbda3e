"""``python -m ft2os`` is the command ``ft2os``."""

import sys

from ft2os.cli import main

sys.exit(main())
