"""An LLM router whose instrumentation is meant to be copied.

One process serves one instance: application, metrics server and, on request, a fault interface. Start
it with ``python -m reference_router``; nothing else imports this package.
"""

__all__ = ["__version__"]

__version__ = "1.0.0"
