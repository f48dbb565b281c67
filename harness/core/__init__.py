"""Ground floor: errors with a place and a remedy, units of time, YAML with positions, the event vocabulary.

Every other package of the harness may call it; it imports nothing of ours.
"""
