"""Facts of wire formats that client dialects and upstream adapters share."""
