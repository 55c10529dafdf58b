"""HTTP: parse, call, encode. No business rule lives here."""
