"""Bytes to and from upstream servers; knows nothing of models or wire formats."""
