"""Comparison of networks: backbones x recipes x seeds on one split, one row each."""
