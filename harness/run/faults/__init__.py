"""Faults of one interface: inject, confirm, heal. What cannot be confirmed proves nothing and is recorded as failed.

``FaultControl`` is polled by the conductor and writes the records; hooks, signals and links say how.
"""
