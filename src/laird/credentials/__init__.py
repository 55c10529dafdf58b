"""Credentials of providers: kept so that nobody can read them back, and changed while in use."""
