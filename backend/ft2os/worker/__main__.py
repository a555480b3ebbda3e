"""``python -m ft2os.worker``."""

from ft2os.worker import main

main()
