"""A first profile, contract and story, made from what a running service shows; behind ``harness init``.

Values of labels, log lines and answers are counted, never copied: whoever shows secrets there does not
find them again in a file. May be called by the fronts alone.
"""
