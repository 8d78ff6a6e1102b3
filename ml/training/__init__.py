"""Training of the two networks: seeded, resumable, with its history on disk."""
