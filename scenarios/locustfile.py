"""Plain Locust for this campaign, web page included:

    locust -f scenarios/locustfile.py --host http://127.0.0.1:3000

Every request kind of the profile is a user class (``--list``), chosen by name (``StreamUser``), by tag (``--tags
stream``) or on the web page (``--class-picker``); ``--shape`` is the course of their number, or a story of the
campaign with its load. Users wait for their answers: a closed loop, good for looking around by hand, in which a
stall hides itself. ``OpenLoop`` sends the same course at its own times.
"""

from pathlib import Path

from harness.run.load.plain import locust_classes

globals().update(locust_classes(Path(__file__).parent))
