"""What production runs: read-only views on real configuration, and its binding to a test topology.

Pure code: no process, no network, no clock. May import ``harness.core`` only.
"""
