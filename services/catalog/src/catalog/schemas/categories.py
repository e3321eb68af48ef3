"""The tree of categories as JSON."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from catalog.models import Category
from catalog.schemas.fields import CategoryName
from common.http.fields import Id, Strict

Place = Annotated[int, Field(ge=0, le=1_000_000)]


class NewCategory(Strict):
    """A branch to make; without a parent it is a root."""

    name: CategoryName
    parent_id: Id | None = None
    position: Place = 0


class CategoryChanges(Strict):
    """What to change of a branch; what is absent stays. Only `parent_id` can be null: a root."""

    name: CategoryName = ""
    parent_id: Id | None = None
    position: Place = 0


class CategoryOut(BaseModel):
    """A branch of the tree; `products` counts the active ones right in it, `total` those below it too."""

    id: UUID
    parent_id: UUID | None
    name: str
    path: str
    position: int
    products: int
    total: int

    @classmethod
    def of(cls, category: Category) -> Self:
        """Return a branch that has just been made or moved, without a count."""
        return cls(
            id=category.id,
            parent_id=category.parent_id,
            name=category.name,
            path=category.path,
            position=category.position,
            products=0,
            total=0,
        )

    @classmethod
    def tree(cls, rows: Iterable[Mapping[str, Any]]) -> list[Self]:
        """Return the rows of all branches, counted from the leaves, each after the one it grows on."""
        branches = {row["id"]: cls(**row, total=row["products"]) for row in rows}
        for branch in sorted(branches.values(), key=lambda branch: -branch.path.count("/")):
            if branch.parent_id is not None:
                branches[branch.parent_id].total += branch.total
        return sorted(branches.values(), key=lambda branch: _place(branch, branches))


def _place(branch: CategoryOut, branches: Mapping[UUID, CategoryOut]) -> list[tuple[int, str]]:
    place = [(branch.position, branch.name)]
    return place if branch.parent_id is None else _place(branches[branch.parent_id], branches) + place
