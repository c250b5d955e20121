"""Maps of two groups or models, compared: statistics with a controlled family-wise error."""
