"""Fuzzing of every parser of foreign bytes, found by its signature (`targets`).

tests/unit/test_fuzz.py (hypothesis, a few seconds) and `make fuzz SECONDS=60` (atheris) share targets and seeds.
"""
