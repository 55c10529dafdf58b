"""Where each attempt's text went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("egress", sa.Text()))


def downgrade() -> None:
    with op.batch_alter_table("attempts") as batch:
        batch.drop_column("egress")
