"""Laird: one self-hosted endpoint in front of local models and cloud providers."""

__version__ = "0.1.0"
