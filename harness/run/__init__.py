"""How a campaign is made to happen: real components started, load driven, faults injected, everything observed.

Only the campaign process comes in here; the fronts start that process and never import this package.
"""
