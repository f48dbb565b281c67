"""Virtual time: what every alert does under the standard conditions, in seconds and without a stack.

The untouched rule files are run by the real ``promtool`` on inputs that are made from the expressions
themselves; nothing here is known of any particular alert. May be called by the fronts alone.
"""
