"""Between a person and a campaign process: choose clauses, start the process, follow its events, cancel it.

The command line and the pytest plugin call it. It never imports what runs in the campaign.
"""
