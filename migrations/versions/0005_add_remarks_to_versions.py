"""Versions tell their warnings, their overrides, and what was lowered

Revision ID: 0005
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("remarks", foundation.database.JsonText(), nullable=True))


def downgrade() -> None:
    op.drop_column("versions", "remarks")
