"""Every habit of this repository as one verb: ``python3 bootstrap.py VERB [OPTIONS]``.

This file is in syntax that every Python 3 parses, so that too old a one gets a line instead of a traceback.
"""

import sys

MINIMUM_PYTHON = (3, 11)


def main(arguments: "list[str]", version: "tuple[int, int]" = sys.version_info[:2]) -> int:
    """Refuse too old an interpreter, then do what ``arguments`` say; the exit code."""
    if version < MINIMUM_PYTHON:
        problem = "Python %d.%d or later is needed, this is %d.%d" % (MINIMUM_PYTHON + version)
        remedy = "name a newer one, as in `make gate PYTHON=python3.12` or `python3.12 bootstrap.py gate`"
        sys.stderr.write("bootstrap: " + problem + "; remedy: " + remedy + "\n")
        return 2
    from habits.verbs import perform

    return perform(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
