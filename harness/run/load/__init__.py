"""Load: schedules laid out before the run, a driver process of its own, and a ledger with one row per request.

``schedule``, ``plan``, ``template``, ``ledger`` and ``figures`` are pure; ``generator`` is how a campaign
talks to the driver process. ``driver`` is the only module with Locust and nothing may import it.
"""
