"""Budgets: counters that hold under load, what was spent, alerts and the mail that carries them."""
