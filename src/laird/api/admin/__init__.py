"""The administration API under /api, for the command line and the dashboard."""
