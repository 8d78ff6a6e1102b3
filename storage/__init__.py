"""Storage: the database, the object store, and the one way in for a film."""
