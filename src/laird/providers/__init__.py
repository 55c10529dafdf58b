"""Upstream wire formats: pure functions from our values to their bytes and back."""
