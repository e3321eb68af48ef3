"""The tables the migrations make are the tables the models describe."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from common.migrations import MACHINERY
from orders.models import Base

Shop = Any  # conftest.Shop, which cannot be imported from here


def _differences(connection: Connection) -> list[Any]:
    def ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        return not (kind == "table" and str(name).startswith((*MACHINERY, "alembic")))

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
    return list(compare_metadata(context, Base.metadata))


async def test_models_and_migrations_agree(shop: Shop) -> None:
    async with shop.one.database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
