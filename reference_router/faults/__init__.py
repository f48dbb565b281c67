"""Deliberate failures, each a small class, injected and healed over the admin port.

The router does not know them: it has places where a list of callables is asked (interceptors of the
engine, filters of log lines and exposition, overrides of health, by-passes of the cache), and a fault adds
its own callable there and takes it away again. Imported only by instances with an admin port.
"""
