"""The stack in containers. Typed container classes on testcontainers, which know nothing of a campaign, and above them
what a campaign makes of them: how each part is started, watched and ended, and how what a dead campaign left is swept.

This file stays empty of imports: the janitor, which ends what a killed campaign leaves, passes through it.
"""
