"""What happens later is owed, a row a step: the floors of erasures are the first

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from foundation.database import BigSerial, JsonText, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

FLOORS = ("collector", "labeling", "quality", "exports")
"""Each waits for the one before it."""
TEXT_OF_ID = {
    "sqlite": "substr(e.id, 1, 8) || '-' || substr(e.id, 9, 4) || '-' || substr(e.id, 13, 4)"
    " || '-' || substr(e.id, 17, 4) || '-' || substr(e.id, 21)",
    "postgresql": "CAST(e.id AS TEXT)",
}
ID_OF_TEXT = {"sqlite": "replace(s.\"of\", '-', '')", "postgresql": 'CAST(s."of" AS UUID)'}
HAS_DONE = (
    "EXISTS (SELECT 1 FROM erasure_floors {name} WHERE {name}.project_id = e.project_id"
    " AND {name}.erasure_id = e.id AND {name}.floor = '{floor}')"
)


def upgrade() -> None:
    is_free = sa.text("lease_until_ms IS NOT NULL")
    op.create_table(
        "steps",
        sa.Column("project_id", BigSerial, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("of", sa.String(length=36), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("parts_done", sa.Integer(), nullable=False),
        sa.Column("parts_total", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("facts", JsonText(), nullable=True),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("lease_holder", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("done_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_steps_project_id")),
        sa.PrimaryKeyConstraint("project_id", "kind", "of", "step", name=op.f("pk_steps")),
    )
    op.create_index(
        "ix_steps_free", "steps", ["lease_until_ms"], unique=False, sqlite_where=is_free, postgresql_where=is_free
    )
    for place, floor in enumerate(FLOORS):
        _owe_floor(floor, FLOORS[:place])
    op.drop_table("erasure_floors")


def downgrade() -> None:
    op.create_table(
        "erasure_floors",
        sa.Column("project_id", BigSerial, autoincrement=False, nullable=False),
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.Column("floor", sa.String(length=16), nullable=False),
        sa.Column("counts", JsonText(), nullable=False),
        sa.Column("done_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_erasure_floors_project_id")),
        sa.PrimaryKeyConstraint("project_id", "erasure_id", "floor", name=op.f("pk_erasure_floors")),
    )
    op.execute(
        sa.text(
            "INSERT INTO erasure_floors (project_id, erasure_id, floor, counts, done_at)"  # noqa: S608
            f" SELECT s.project_id, {ID_OF_TEXT[op.get_context().dialect.name]}, s.step, s.facts, s.done_at FROM steps s"
            " WHERE s.kind = 'erasure' AND s.state = 'done'"
        )
    )
    # Before, nobody looked at one that had failed.
    op.execute(sa.text("UPDATE erasures SET state = 'running' WHERE state = 'failed'"))
    op.drop_index("ix_steps_free", table_name="steps")
    op.drop_table("steps")


def _owe_floor(floor: str, below: tuple[str, ...]) -> None:
    """A row for each erasure: done as it was, free where all floors below are done, else waiting for them."""
    is_free = " AND ".join(["TRUE", *(HAS_DONE.format(name="b", floor=lower) for lower in below)])
    op.execute(
        sa.text(
            'INSERT INTO steps (project_id, kind, "of", step, state, attempts, strikes, deaths, parts_done, facts,'  # noqa: S608
            " lease_until_ms, created_at, done_at)"
            f" SELECT e.project_id, 'erasure', {TEXT_OF_ID[op.get_context().dialect.name]}, '{floor}',"
            f" CASE WHEN f.floor IS NOT NULL THEN 'done' WHEN {is_free} THEN 'owed' ELSE 'waiting' END,"
            " 0, 0, 0, 0, f.counts,"
            f" CASE WHEN f.floor IS NULL AND {is_free} THEN 0 END, e.requested_at, f.done_at"
            " FROM erasures e LEFT JOIN erasure_floors f ON f.project_id = e.project_id AND f.erasure_id = e.id"
            f" AND f.floor = '{floor}' WHERE f.floor IS NOT NULL OR e.state <> 'completed'"
        )
    )
