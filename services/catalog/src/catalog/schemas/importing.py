"""Many products at once as JSON: lines in, and what became of each out."""

from dataclasses import replace
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError

from catalog.models import ImportLine, ImportResult, Product
from catalog.schemas.selling import NewProduct, ProductChanges
from common.errors import Problem
from common.http.fields import Id, Strict
from common.http.problems import details

_MOST_LINES = 500
# What is no edit: a product's kind is for good, stock is counted, and variants are known by their options.
_OTHERWISE = frozenset({"kind", "stock", "variants"})


class Import(Strict):
    """Products to put up or change, each with its `sku`; administrators may do it for a seller.

    `dry_run` says what would become of them, and changes nothing.
    """

    products: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=_MOST_LINES)]
    seller_id: Id | None = None
    dry_run: bool = False


class FieldError(BaseModel):
    """What is wrong with a field."""

    pointer: str
    code: str
    detail: str


class Imported(BaseModel):
    """What became of a line, or why nothing did."""

    sku: str | None
    state: Literal["created", "updated", "unchanged", "refused"]
    product_id: UUID | None = None
    errors: list[FieldError] = Field(default_factory=list)

    @classmethod
    def of(cls, sku: str, result: ImportResult) -> Self:
        """Return a result as JSON."""
        errors = [] if result.problem is None else [_error(result.problem)]
        return cls(sku=sku, state=result.state, product_id=result.product_id, errors=errors)

    @classmethod
    def refused(cls, sku: object, errors: list[FieldError]) -> Self:
        """Return a line that could not be read."""
        return cls(sku=sku if isinstance(sku, str) else None, state="refused", errors=errors)


SKU_TWICE = FieldError(pointer="#/sku", code="sku_twice", detail="another line of this import has the same sku")


class ImportOut(BaseModel):
    """What became of each line, in their order."""

    results: list[Imported]


def read_line(given: dict[str, Any], seller_id: UUID) -> ImportLine | list[FieldError]:
    """Return a line that can be imported, or what is wrong with it."""
    try:
        product = NewProduct.model_validate(given)
        changes = ProductChanges.model_validate(
            {name: value for name, value in given.items() if name not in _OTHERWISE}
        )
    except ValidationError as error:
        return [FieldError(**detail) for detail in details(error.errors())]
    if product.sku is None:
        return [FieldError(pointer="#/sku", code="missing", detail="write the sku by which the product is known")]

    def make() -> tuple[Product, dict[UUID, int]]:
        return product.product(seller_id, product.wishes())

    edit = changes.edit()
    if product.price is None:
        edit = replace(edit, wishes=product.wishes())
    return ImportLine(product.sku, product.category, make, edit)


def _error(problem: Problem) -> FieldError:
    return FieldError(pointer="#", code=problem.code(), detail=problem.sentence())
