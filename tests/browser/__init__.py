"""The dashboard in a real browser, against a real Laird. See README.md here."""
