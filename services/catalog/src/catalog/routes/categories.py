"""The tree of categories: read by everybody, tended by administrators."""

from typing import Annotated
from uuid import UUID

from catalog import queries
from catalog.actions.categories import create_category, delete_category, move_category
from catalog.routes.doors import Admin, refusals
from catalog.schemas import CategoryChanges, CategoryOut, NewCategory
from catalog.schemas.fields import Flag
from common.http import Once, PageOf, Reading, Tx, once, router
from common.http.fields import Id

categories = router(tags=["catalog"])


@categories.get("/categories", summary="Show the tree of categories")
async def list_categories(session: Reading, empty: Flag = False) -> PageOf[CategoryOut]:  # noqa: FBT002 - a parameter of the URL
    """All branches on which products are sold (with `empty`, the others too), each after the one it grows on."""
    branches = CategoryOut.tree(await queries.list_categories(session))
    return PageOf(items=[branch for branch in branches if empty or branch.total], next_cursor=None)


@categories.post(
    "/categories", status_code=201, summary="Make a category", responses=refusals(400, 401, 403, 404, 409, 422)
)
async def make_category(session: Tx, _: Admin, body: NewCategory, key: Annotated[Once, once()]) -> CategoryOut:
    """Sellers make branches by naming them in a product; administrators make them beforehand."""
    await key.claim(session)
    return CategoryOut.of(await create_category(session, body.parent_id, body.name, body.position))


@categories.patch(
    "/categories/{category_id}",
    summary="Rename or move a category",
    responses=refusals(400, 401, 403, 404, 409, 422),
)
async def change_category(session: Tx, _: Admin, category_id: Id, body: CategoryChanges) -> CategoryOut:
    """With all that grows on it; products follow."""
    category = await queries.get_category(session, category_id)
    given = body.model_fields_set
    parent_id: UUID | None = body.parent_id if "parent_id" in given else category.parent_id
    await move_category(session, category, parent_id, body.name if "name" in given else category.name)
    if "position" in given:
        category.position = body.position
    return CategoryOut.of(category)


@categories.delete(
    "/categories/{category_id}",
    status_code=204,
    summary="Delete an empty category",
    responses=refusals(401, 403, 404, 409),
)
async def remove_category(session: Tx, _: Admin, category_id: Id) -> None:
    """One that has neither products nor categories in it."""
    await delete_category(session, category_id)
