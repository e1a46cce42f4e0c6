"""Who speaks for a person: what came with their token, and names that more than one speaks in

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CAME_FROM_A_PERSON = ("signals", "dead_letters", "consents")


def upgrade() -> None:
    op.add_column("subjects", sa.Column("claim", sa.String(length=12), nullable=False, server_default="first"))
    for table in CAME_FROM_A_PERSON:
        op.add_column(table, sa.Column("proven", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for table in reversed(CAME_FROM_A_PERSON):
        op.drop_column(table, "proven")
    op.drop_column("subjects", "claim")
