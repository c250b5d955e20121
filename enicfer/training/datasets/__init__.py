"""Readers of data sets: one file each, one line in `READERS`."""
