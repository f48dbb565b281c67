"""``python -m reference_router``: one instance, or many forked from one warm process."""

import sys

from reference_router.launcher import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
