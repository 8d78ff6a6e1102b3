"""The manual: the documents as a site, made by `make docs` without a network."""
