"""The steps put together: from a session folder to its results."""
