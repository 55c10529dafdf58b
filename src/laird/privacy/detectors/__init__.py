"""Detectors: functions from a text to what is in it. Each knows one subject."""
