"""Anthropic's Messages API behind our canonical chat form."""
