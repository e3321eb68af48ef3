"""The tables the migrations make are the tables the models describe."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from common.migrations import MACHINERY
from notifier.models import Base


def _differences(connection):
    def ours(_, name, kind, *__):
        return not (kind == "table" and str(name).startswith((*MACHINERY, "alembic")))

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
    return compare_metadata(context, Base.metadata)


async def test_models_and_migrations_agree(notifier):
    async with notifier.database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
