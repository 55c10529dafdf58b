"""Alembic's home: `env.py` is run by it, `versions` holds one module per step of the schema."""
