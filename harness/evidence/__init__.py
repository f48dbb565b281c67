"""What was seen: record types, the in-memory store that judges read, and the bundle on disk.

Records are facts with wall-clock times and no opinion. The run writes them, clauses read them.
"""
