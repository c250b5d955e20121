"""From records to the files and objects of MNE-Python, BIDS and nilearn; nothing here reads a file."""
