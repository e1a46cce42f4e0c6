"""From when on a person's consent covers what was captured; whether an erasure found anything; lists by time

Revision ID: 0003
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from foundation.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

GRACE_S = 300


def upgrade() -> None:
    op.add_column("subjects", sa.Column("passes_from", UtcDateTime(timezone=True), nullable=True))
    op.add_column("erasures", sa.Column("held", sa.Boolean(), nullable=True))
    op.create_index("ix_erasures_subject", "erasures", ["project_id", "subject_id"], unique=False)
    op.create_index("ix_erasures_requested", "erasures", ["project_id", "requested_at", "id"], unique=False)
    op.create_index("ix_downloads_at", "downloads", ["project_id", "at", "id"], unique=False)
    _cover_from_the_newest()


def downgrade() -> None:
    op.drop_index("ix_downloads_at", table_name="downloads")
    op.drop_index("ix_erasures_requested", table_name="erasures")
    op.drop_index("ix_erasures_subject", table_name="erasures")
    op.drop_column("erasures", "held")
    op.drop_column("subjects", "passes_from")


def _cover_from_the_newest() -> None:
    """Until a person's next consent, or the next revision of the project, the strictest reading: from the newest consent on.

    Where a project asks for none and nobody took anything back, everything stays covered.
    """
    if op.get_context().as_sql:
        return
    op.execute(
        sa.text(
            "UPDATE subjects SET passes_from = (SELECT MAX(CASE WHEN c.given_at < c.received_at THEN c.given_at"
            " ELSE c.received_at END) FROM consents c WHERE c.project_id = subjects.project_id AND c.subject_id = subjects.id)"
            " WHERE passes AND (EXISTS (SELECT 1 FROM projects p WHERE p.id = subjects.project_id AND p.consent_required)"
            " OR EXISTS (SELECT 1 FROM consents w WHERE w.project_id = subjects.project_id"
            " AND w.subject_id = subjects.id AND NOT w.granted))"
        )
    )
    earlier = {
        "sqlite": f"strftime('%Y-%m-%d %H:%M:%f', passes_from, '-{GRACE_S} seconds') || '000'",
        "postgresql": f"passes_from - interval '{GRACE_S} seconds'",
    }[op.get_bind().dialect.name]
    op.execute(sa.text(f"UPDATE subjects SET passes_from = {earlier} WHERE passes_from IS NOT NULL"))  # noqa: S608
