"""The machinery."""

from alembic import op

from common.migrations import machinery_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in machinery_tables():
        op.execute(statement)
