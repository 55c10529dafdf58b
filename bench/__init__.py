"""Laird beside nginx, LiteLLM and Portkey: how much each costs in front of the same upstream."""
