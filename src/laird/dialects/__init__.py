"""Client wire formats: what callers send and what they get back."""
