"""Responses that are kept because a client asked for it, so that later requests can go on."""
