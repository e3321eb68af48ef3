from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from catalog.models import Base
from common.migrations import MACHINERY


def differences(connection):
    def ours(_, name, kind, *__):
        return not (kind == "table" and name.startswith((*MACHINERY, "alembic_version")))

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
    return compare_metadata(context, Base.metadata)


async def test_models_and_migrations_agree(shop):
    async with shop.one.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_models_and_migrations_check_the_same(shop):
    rows = await shop.sql("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conname LIKE 'ck\\_%'")
    named = {str(check.name) for table in Base.metadata.tables.values() for check in table.constraints if check.name}
    checks = {name for name in named if name.startswith("ck_")}
    assert checks == {row["conname"] for row in rows}
