"""What people write: contract, profile, scenario and campaign files, loaded strictly with positions.

Clauses, the plan and the fronts call it; it knows no component and no service.
"""

from harness.contract.campaign import Campaign
from harness.contract.files import CampaignFile, ContractFile, ProfileFile, ScenarioFile
from harness.contract.loader import KINDS, file_kind, load_campaign
from harness.contract.schema import schema

__all__ = [
    "KINDS",
    "Campaign",
    "CampaignFile",
    "ContractFile",
    "ProfileFile",
    "ScenarioFile",
    "file_kind",
    "load_campaign",
    "schema",
]
