"""Where the real parts come from: find them, else download or build them once into a user's cache.

Everything above calls ``ensure`` and starts what it returns; this package knows nothing of its callers.
"""

from harness.provision.elasticsearch import elasticsearch_command
from harness.provision.ensuring import ensure
from harness.provision.planning import cache_key, plan
from harness.provision.settings import Settings
from harness.provision.tool import DoctorLine, PlannedStep, Tool

__all__ = ["DoctorLine", "PlannedStep", "Settings", "Tool", "cache_key", "elasticsearch_command", "ensure", "plan"]
