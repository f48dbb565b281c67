"""What people do with this repository, one verb each; ``bootstrap.py`` is the door, nothing else calls it.

Standard library only: it runs before anything is installed.
"""
