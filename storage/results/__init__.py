"""Findings and pictures of whole jobs, in the forms that clients and exports get them in."""
