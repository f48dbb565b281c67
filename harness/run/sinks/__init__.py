"""Where everything that leaves the components under test ends: webhooks, mail, scrapes of stand-ins, and a trap.

All listeners of a campaign live in one thread (``SinkLoop``) on loopback; the conductor alone creates them.
"""
