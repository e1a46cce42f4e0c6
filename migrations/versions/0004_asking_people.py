"""Who is asked, when, and under which guidelines

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("studio_projects", sa.Column("push_asked_at", foundation.database.UtcDateTime(timezone=True)))
    op.add_column("annotations", sa.Column("guidelines", sa.String(length=64)))
    op.create_index(
        "ix_tasks_untold",
        "tasks",
        ["project_id"],
        unique=False,
        sqlite_where=sa.text("asked <> wanted"),
        postgresql_where=sa.text("asked <> wanted"),
    )
    op.create_table(
        "guidelines_shown",
        _project_column(),
        sa.Column("from_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_guidelines_shown_project_id")),
        sa.PrimaryKeyConstraint("project_id", "from_at", name=op.f("pk_guidelines_shown")),
    )
    op.create_table(
        "annotator_states",
        _project_column(),
        sa.Column("annotator_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("from_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_annotator_states_project_id")),
        sa.PrimaryKeyConstraint("project_id", "annotator_no", "from_at", name=op.f("pk_annotator_states")),
    )
    # Label Studio was never told of tasks that were answered elsewhere: it is told now, by the difference.
    op.execute("UPDATE tasks SET wanted = 0 WHERE state = 'closed'")
    # Whoever a lead had set aside before is so from the moment that it has an effect.
    op.execute(
        "INSERT INTO annotator_states (project_id, annotator_no, from_at, state) "
        "SELECT project_id, no, CURRENT_TIMESTAMP, state FROM annotators WHERE state <> 'active'"
    )


def downgrade() -> None:
    op.drop_table("annotator_states")
    op.drop_table("guidelines_shown")
    op.drop_index("ix_tasks_untold", table_name="tasks")
    op.drop_column("annotations", "guidelines")
    op.drop_column("studio_projects", "push_asked_at")


def _project_column() -> sa.Column:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("project_id", key, autoincrement=False, nullable=False)
