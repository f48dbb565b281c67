"""The components under a campaign: how they are started, watched, waited for and ended, whatever ends the campaign.

Callers name the module they need (``supervisor``, ``wait``, ``ports``, …). This file stays empty of imports because the
warden, which must start in milliseconds and depend on the standard library alone, passes through it.
"""
