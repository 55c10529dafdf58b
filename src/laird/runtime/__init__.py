"""Models that Laird runs itself, each in a llama.cpp process of its own."""
