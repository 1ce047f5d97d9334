"""Rounds of trouble in the hand-off: a saved rack is restored, something is broken at a chosen moment, the operator runs again, and what
was promised is checked. The stories handoff-storm and handoff-... (tests/stories) choose moment and blow.
"""
