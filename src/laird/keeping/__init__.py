"""Copies of requests and answers, for those who switched that on, and for a while."""
