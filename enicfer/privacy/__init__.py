"""What shows or names a person: covered, found, and removed."""
