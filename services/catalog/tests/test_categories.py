"""The tree of categories."""

from common.events import new_id
from common.testing import bearer

ADMIN = bearer(new_id(), "admin")


async def tree(shop, query=""):
    items = (await shop.client.get(f"/categories{query}")).json()["items"]
    return [(item["path"], item["products"], item["total"]) for item in items]


async def make(shop, name, parent=None, **more):
    body = {"name": name, **more} | ({"parent_id": parent["id"]} if parent else {})
    return await shop.client.post("/categories", json=body, headers=ADMIN)


async def test_naming_a_path_makes_its_branches(shop):
    poster = await shop.product(category="Prints / Framed/ A3")
    await shop.product(category="Prints")
    assert poster["category"] == "Prints/Framed/A3"
    assert await tree(shop) == [("Prints", 1, 2), ("Prints/Framed", 0, 1), ("Prints/Framed/A3", 1, 1)]
    for query, count in {"Prints": 2, "Prints/Framed": 1, "Framed": 0, "Print": 0, "prints": 0}.items():
        found = (await shop.client.get(f"/products?category={query}")).json()["items"]
        assert len(found) == count, query


async def test_administrators_tend_the_tree_and_products_follow(shop):
    product = await shop.product(category="Prints/Framed")
    prints, framed = (await shop.client.get("/categories")).json()["items"]
    home = (await make(shop, "Home", position=1)).json()
    path = f"/categories/{framed['id']}"
    changed = await shop.client.patch(path, json={"name": "In frames", "parent_id": home["id"]}, headers=ADMIN)
    assert (changed.status_code, changed.json()["path"]) == (200, "Home/In frames")
    assert (await shop.show(product))["category"] == "Home/In frames"
    assert await tree(shop) == [("Home", 0, 1), ("Home/In frames", 1, 1)]
    assert await tree(shop, "?empty=true") == [("Prints", 0, 0), ("Home", 0, 1), ("Home/In frames", 1, 1)]
    assert (await shop.client.delete(f"/categories/{prints['id']}", headers=ADMIN)).status_code == 204
    for used in (home, framed):
        answer = await shop.client.delete(f"/categories/{used['id']}", headers=ADMIN)
        assert (answer.status_code, answer.json()["code"]) == (409, "category_in_use")


async def test_a_moved_branch_takes_its_branches_along_and_no_namesake(shop):
    await shop.product(category="A/B/C")
    await shop.product(category="A/Bx")
    items = {item["path"]: item for item in (await shop.client.get("/categories")).json()["items"]}
    await shop.client.patch(f"/categories/{items['A/B']['id']}", json={"parent_id": None, "name": "%_"}, headers=ADMIN)
    assert [path for path, *_ in await tree(shop)] == ["%_", "%_/C", "A", "A/Bx"]


async def test_what_would_break_the_tree_is_refused(shop):
    await shop.product(category="A/B/C/D/E")
    items = (await shop.client.get("/categories")).json()["items"]
    top, leaf = items[0], items[-1]
    assert (await make(shop, "F", leaf)).json()["code"] == "category_too_deep"
    assert (await make(shop, "A")).json()["code"] == "category_taken"
    assert (await make(shop, "F", {"id": str(new_id())})).status_code == 404
    answer = await shop.client.patch(f"/categories/{top['id']}", json={"parent_id": leaf["id"]}, headers=ADMIN)
    assert answer.json()["code"] == "category_too_deep"
    for body in ({"name": "a/b"}, {"name": ""}, {"name": "x", "position": -1}, {"title": "x"}, {}):
        assert (await shop.client.post("/categories", json=body, headers=ADMIN)).status_code == 422, body
    for headers, status in (({}, 401), (shop.headers, 403)):
        answer = await shop.client.post("/categories", json={"name": "Z"}, headers=headers)
        assert answer.status_code == status
