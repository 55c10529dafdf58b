"""Advice: what would have been cheaper, and whether the provider's bill agrees with the ledger."""
