"""What can be seen in the files alone: findings on rules and routes, each with code, place and remedy.

Pure code. Only what is surely wrong is told: whatever the files leave open is no finding.
"""
