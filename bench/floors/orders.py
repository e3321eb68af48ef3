"""FastAPI and SQLAlchemy's ORM, writing an order and an outbox row: no token, no idempotency, no prices, no lines."""

import os
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import BigInteger, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

engine = create_async_engine(os.environ["FLOOR_DATABASE"], pool_size=10, max_overflow=10)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI(openapi_url=None)


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSONB, dict[str, str]: JSONB}  # noqa: RUF012 - SQLAlchemy's


class Order(Base):
    __tablename__ = "bare_orders"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    status: Mapped[str]
    total: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    details: Mapped[dict[str, str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Outgoing(Base):
    __tablename__ = "bare_outbox"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str]
    body: Mapped[dict[str, Any]]


class Item(BaseModel):
    product_id: UUID
    quantity: int


class PlaceOrder(BaseModel):
    items: list[Item]
    payment: dict[str, str]
    metadata: dict[str, str] = {}


class OrderOut(BaseModel):
    id: UUID
    status: str
    total: int
    currency: str
    items: list[Item]
    metadata: dict[str, str]


@app.post("/api/v1/orders", status_code=201)
async def place(body: PlaceOrder) -> OrderOut:
    order_id, total = uuid7(), sum(2599 * item.quantity for item in body.items)
    answer = OrderOut(
        id=order_id, status="pending", total=total, currency="USD", items=body.items, metadata=body.metadata
    )
    order = Order(
        id=order_id,
        user_id=order_id,
        status="pending",
        total=total,
        currency="USD",
        details=body.metadata,
        created_at=datetime.now(UTC).replace(tzinfo=None),
    )
    async with sessions() as session:
        session.add(order)
        session.add(Outgoing(id=uuid7(), type="order.created", body=answer.model_dump(mode="json")))
        await session.commit()
    return answer


@app.get("/ready")
async def ready() -> dict[str, str]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as session:
        await session.execute(select(1))
    return {}
