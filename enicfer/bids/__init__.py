"""A session folder -> a BIDS data set of recordings and videos."""
