"""Slots, queues and rates."""
