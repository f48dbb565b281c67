"""What is promised, atom by atom: one module per plane holds how its promises compile and how they are judged.

Judging is pure: evidence in, verdict out; no network, no clock, no sleep. The conductor, the replay and
the tests call the same function.
"""
