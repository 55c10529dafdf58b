"""Laird inside a Python program: the same gateway, without a server."""
