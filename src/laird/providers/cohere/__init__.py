"""Cohere's API, version 2, behind our canonical chat and embedding forms."""
