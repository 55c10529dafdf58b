"""Usage and cost reports of providers, as people export them."""
