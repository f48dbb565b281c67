"""Prove that metrics, logs, health states and alerts of a service appear as its contract specifies."""
