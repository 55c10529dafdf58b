"""Limits: slots for concurrency, rates by key, daily requests by provider."""
