"""Packet-log formats: one a file, each with `sniff(head)` and `read(path)`."""
