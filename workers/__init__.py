"""What takes films off the queue of record: reading, expanding, repairing."""
