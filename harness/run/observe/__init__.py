"""What the live stack says, turned into evidence records: one ``CellObserver`` per cell, polled by the conductor.

Sources read, they never judge. A part that does not answer is asked again until the conductor says that it is lost.
"""
