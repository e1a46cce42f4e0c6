"""Log-ins to the pages are rows that can end, and tasks that cannot be read are tried again

Revision ID: 0008
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("unreadable_at", foundation.database.UtcDateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_tasks_unreadable",
        "tasks",
        ["project_id"],
        unique=False,
        sqlite_where=sa.text("unreadable_at IS NOT NULL"),
        postgresql_where=sa.text("unreadable_at IS NOT NULL"),
    )
    op.create_table(
        "page_sessions",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_page_sessions_key_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_page_sessions")),
    )
    op.create_index("ix_page_sessions_key_id", "page_sessions", ["key_id"], unique=False)
    op.create_index("ix_page_sessions_seen_at", "page_sessions", ["seen_at"], unique=False)


def downgrade() -> None:
    op.drop_table("page_sessions")
    op.drop_index("ix_tasks_unreadable", table_name="tasks")
    op.drop_column("tasks", "unreadable_at")
