"""Detectors: one a file; the module docstring is what `aqa explain KIND` prints."""
