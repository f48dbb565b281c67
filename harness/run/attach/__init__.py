"""A system that runs already, read and never touched: how it is entered, what it can be asked, what it says.

``harness.run.campaign`` may call it; it starts nothing and writes nowhere but into the bundle.
"""
