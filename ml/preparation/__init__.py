"""Preparation: from the films of a source to pictures that training reads, the same every time."""
