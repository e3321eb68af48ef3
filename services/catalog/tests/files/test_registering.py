"""Registering uploads: whose they are, when their store is away, and how long one waits."""

import asyncio
from contextlib import suppress

import pytest

from common import faults
from common.events import new_id
from common.testing import bearer

from .conftest import photo

SMALL = photo((60, 40))


async def uploaded(gallery):
    ticket = await gallery.ticket(SMALL)
    sent = await gallery.send(ticket, SMALL)
    assert sent.is_success, sent.text
    told = sent.json() if "json" in sent.headers["content-type"] else {}
    return ticket["asset_id"], told.get("fileId") or told.get("file_id")


async def unavailable(scope, receive, send):
    await send({"type": "http.response.start", "status": 503, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize("store", ["imagekit", "local"])
async def test_a_file_is_registered_by_what_its_store_answered_the_browser(make_gallery, store):
    gallery = await make_gallery(store)
    asset_id, file_id = await uploaded(gallery)
    asset = (await gallery.register(file_id=file_id)).json()
    assert (asset["id"], asset["status"]) == (asset_id, "ready")
    if store == "imagekit":
        assert asset["file_id"] == file_id
    assert (await gallery.register(file_id=file_id)).json()["id"] == asset_id
    assert await gallery.sql("SELECT * FROM registrations") == []


@pytest.mark.parametrize("store", ["imagekit", "local"])
async def test_b67_what_somebody_else_uploaded_is_not_there(make_gallery, store):
    gallery = await make_gallery(store)
    asset_id, file_id = await uploaded(gallery)
    thief = bearer(new_id(), "seller")
    for named in ({"asset_id": asset_id}, {"file_id": file_id}):
        answer = await gallery.register(thief, **named)
        assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")
    assert (await gallery.client.get(f"/assets/{asset_id}", headers=thief)).status_code == 404
    assert (await gallery.client.delete(f"/assets/{asset_id}", headers=thief)).status_code == 404
    assert (await gallery.register(asset_id=asset_id)).json()["status"] == "ready"
    for named in ({"asset_id": asset_id}, {"file_id": file_id}):
        assert (await gallery.register(thief, **named)).status_code == 404
    assert (await gallery.client.get("/assets", headers=thief)).json()["items"] == []
    everybody = (await gallery.client.get("/assets", headers=bearer(new_id(), "admin"))).json()["items"]
    assert [asset["id"] for asset in everybody] == [asset_id]


async def test_b67_files_of_nobody_and_files_we_never_issued_are_not_there(imagekit):
    answers = [await imagekit.register(file_id="a" * 24), await imagekit.register(asset_id=str(new_id()))]
    base = f"{imagekit.street.url}/sandbox/imagekit"
    sent = await imagekit.http.post(
        f"{base}/api/v1/files/upload",
        data={"fileName": "own.jpg", "folder": f"/souk/{imagekit.seller}"},
        files={"file": ("x", SMALL, "image/jpeg")},
        auth=("private_of_the_test_which_is_long_enough", ""),
    )
    answers.append(await imagekit.register(file_id=sent.json()["fileId"]))
    assert [answer.json()["code"] for answer in answers] == ["file_not_found"] * 3


@pytest.mark.parametrize(
    "body",
    [
        *({"file_id": text} for text in ("../x", "a/b", "https://evil.example/x.jpg", "", "x" * 101, "a b", 5)),
        *({"asset_id": text} for text in ("x", "../..", None)),
        {},
        {"file_id": "a", "asset_id": "01a1feda-0000-7000-8000-000000000001"},
        {"file_id": "a", "url": "https://evil.example/x.jpg"},
    ],
    ids=str,
)
async def test_b67_paths_and_addresses_are_no_file_ids(local, body):
    answer = await local.client.post("/assets", json=body, headers=local.headers)
    assert answer.status_code == 422


async def test_registering_waits_for_the_stores_word(imagekit):
    _, file_id = await uploaded(imagekit)

    async def work():
        await asyncio.sleep(0.2)
        await imagekit.one.work_loops("checking assets")

    post = imagekit.client.post("/assets", json={"file_id": file_id}, headers={**imagekit.headers, "Prefer": "wait=9"})
    answer, _ = await asyncio.gather(post, work())
    assert (answer.status_code, answer.json()["status"]) == (201, "ready")
    assert answer.headers["Preference-Applied"] == "wait=9"


async def test_a_store_that_is_away_is_asked_again(imagekit):
    asset_id, file_id = await uploaded(imagekit)
    headers = {**imagekit.headers, "Prefer": "wait=0"}
    async with imagekit.instead(unavailable):
        answer = await imagekit.register(file_id=file_id, wait=0)
        await imagekit.one.work_loops("checking assets")
        assert (answer.status_code, answer.json()) == (202, {"file_id": file_id, "status": "checking"})
        answer = await imagekit.register(asset_id=asset_id, wait=0)
        await imagekit.one.work_loops("checking assets")
        assert (answer.status_code, answer.json()["status"]) == (201, "checking")
    (row,) = await imagekit.sql("SELECT attempts, due_at > now() AS later, last_error FROM assets")
    assert (row["attempts"], row["later"]) == (1, True)
    assert "503" in row["last_error"]
    await imagekit.sql("UPDATE assets SET due_at = now()")
    await imagekit.sql("UPDATE registrations SET due_at = now()")
    await imagekit.one.work_loops("checking assets")
    answer = await imagekit.client.post("/assets", json={"file_id": file_id}, headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (201, "ready")


async def test_who_lost_the_lease_writes_nothing(imagekit):
    asset_id, _ = await uploaded(imagekit)
    headers = {**imagekit.headers, "Prefer": "wait=0"}
    await imagekit.client.post("/assets", json={"asset_id": asset_id}, headers=headers)
    sandbox, deleted = imagekit.street.sandbox, []

    async def meanwhile(scope, receive, send):
        if not deleted:
            deleted.append(await imagekit.client.delete(f"/assets/{asset_id}", headers=imagekit.headers))
        await sandbox(scope, receive, send)

    async with imagekit.instead(meanwhile):
        await imagekit.one.work_loops("checking assets")
    assert deleted[0].status_code == 204
    rows = await imagekit.sql("SELECT status, due_at > now() AS late FROM assets")
    assert [(row["status"], row["late"]) for row in rows] == [("deleted", True)]
    assert await imagekit.one.told("asset.registered") == []


@pytest.mark.parametrize("place", ["loop.claimed", "loop.called", "loop.written"])
async def test_whoever_dies_over_a_check_leaves_it_to_the_next(make_gallery, place):
    gallery = await make_gallery("s3")
    asset_id, _ = await uploaded(gallery)
    headers = {**gallery.headers, "Prefer": "wait=0"}
    await gallery.client.post("/assets", json={"asset_id": asset_id}, headers=headers)
    faults.arm(f"{place}:raise")
    with suppress(faults.FaultInjected):
        await gallery.one.work_loops("checking assets")
    faults.arm("")
    assert (await gallery.show(asset_id))["status"] == ("ready" if place == "loop.written" else "checking")
    await gallery.sql("UPDATE assets SET leased_until = now() - interval '1 second'")
    assert (await gallery.register(asset_id=asset_id)).json()["status"] == "ready"
    assert len(await gallery.one.told("asset.registered")) == 1


async def test_a_crowd_of_questions_is_not_stored(make_gallery):
    gallery = await make_gallery("imagekit", UPLOAD_TOKENS_PER_USER="3")
    headers = {**gallery.headers, "Prefer": "wait=0"}
    answers = [
        await gallery.client.post("/assets", json={"file_id": f"file{number}"}, headers=headers) for number in range(5)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429, 429]


async def test_assets_are_listed_in_pages(local):
    ids = [(await local.ticket(SMALL))["asset_id"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = (await local.client.get(f"/assets?limit=2{cursor and '&cursor='}{cursor}", headers=local.headers)).json()
        seen += [asset["id"] for asset in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ids[::-1]
    assert (await local.client.get("/assets?status=lost", headers=local.headers)).status_code == 422
    assert (await local.client.get("/assets", headers=bearer(new_id()))).status_code == 403


async def test_every_change_of_a_file_is_recorded_and_what_is_told_is_in_the_record(local):
    asset = await local.asset()
    rows = await local.sql("SELECT * FROM asset_transitions ORDER BY version")
    assert [row["to_status"] for row in rows] == ["issued", "checking", "ready"]
    (told,) = await local.one.told("asset.registered")
    assert (rows[-1]["event_id"], rows[-1]["event_type"]) == (told.id, "asset.registered")
    assert asset["status"] == "ready"
