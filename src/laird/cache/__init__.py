"""The response cache: answers to exact duplicates, in memory, for those who ask for it."""
