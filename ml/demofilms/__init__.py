"""Synthetic films for demonstrations, sampled from a statistical model of appearance.

None shows a child: each is a random draw round the mean of hundreds of films of one label.
"""
