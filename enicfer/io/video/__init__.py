"""Videos: frames with their own times, read and written."""
