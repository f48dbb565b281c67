"""The HTTP faces of an instance: application and metrics server. Built by ``instance``, used by no other part."""
