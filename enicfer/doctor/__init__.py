"""What this installation is made of, and whether it works: for ``enicfer doctor`` and for reports of faults."""
