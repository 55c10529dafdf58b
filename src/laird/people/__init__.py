"""People: who may sign in, their sessions, and the links by which they come in."""
