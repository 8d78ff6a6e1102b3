"""Breaks a real stack on purpose, round after round, and says what was lost and how long it took.

`python -m tests.faults.drill --help`; `make test-faults` runs a round of each fault.
"""
