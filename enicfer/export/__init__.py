"""From records to the files and objects of MNE-Python, BIDS and nilearn; nothing here reads a file."""

from enicfer.export.bids import write_outputs

__all__ = ["write_outputs"]
