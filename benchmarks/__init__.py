"""What measures speed: each benchmark prints ratios against a reference timed in the same run.

Each ends with one line of JSON that holds its figures.
"""
