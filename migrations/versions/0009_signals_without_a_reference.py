"""Signals and items name their project without a foreign key: a project is never deleted, and the check cost each row

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = ("items", "signals")


def upgrade() -> None:
    for table in TABLES:
        with op.batch_alter_table(table) as changed:
            changed.drop_constraint(f"fk_{table}_project_id", type_="foreignkey")


def downgrade() -> None:
    for table in TABLES:
        with op.batch_alter_table(table) as changed:
            changed.create_foreign_key(f"fk_{table}_project_id", "projects", ["project_id"], ["id"])
