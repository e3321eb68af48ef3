"""Downloads: what was bought, as often and as long as it was bought, and no longer than the money stays."""

import asyncio
from datetime import timedelta

import pytest

from common.db import now
from common.events import new_id
from common.testing import bearer

from .conftest import photo

SMALL = photo((60, 40))


async def sold(gallery, order, *assets, **terms):
    product = await gallery.product(files=[asset["id"] for asset in assets], **terms)
    return await gallery.sell(order, product)


async def test_what_was_bought_is_listed_with_its_files_and_terms(local, order):
    asset = await local.asset(SMALL)
    bought, (download,) = await sold(
        local, order, asset, download_limit=3, download_days=30, licence="For one print only."
    )
    shown = {name: asset[name] for name in ("id", "name", "content_type", "size", "width", "height")}
    assert download["files"] == [shown]
    assert (download["downloads_used"], download["downloads_left"]) == (0, 3)
    assert download["licence"] == "For one print only."
    assert download["expires_at"].startswith(str((now() + timedelta(days=30)).date()))
    assert await local.downloads(bought.user, order_id=str(bought.id)) == [download]
    assert await local.downloads(bought.user, order_id=str(new_id())) == []
    assert await local.downloads(new_id()) == []


async def test_each_link_is_counted_and_told(local, order):
    asset = await local.asset(SMALL)
    bought, (download,) = await sold(local, order, asset, download_limit=2)
    answer = await local.link(bought.user, download)
    link = answer.json()
    assert (answer.status_code, link["name"], link["size"], link["content_type"], link["downloads_left"]) == (
        200,
        "Dune.jpg",
        len(SMALL),
        "image/jpeg",
        1,
    )
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    fetched = await local.fetch(link["url"])
    assert (fetched.content, fetched.headers["content-type"]) == (SMALL, "image/jpeg")
    assert fetched.headers["cache-control"] == "private, no-store"
    assert (await local.link(bought.user, download)).json()["downloads_left"] == 0
    refused = await local.link(bought.user, download)
    assert (refused.status_code, refused.json()["code"]) == (403, "downloads_used_up")
    told = [event.data for event in await local.one.told("delivery.downloaded")]
    assert [(event["grant_id"], event["file_id"], event["user_id"]) for event in told] == [
        (download["id"], asset["id"], str(bought.user))
    ] * 2
    assert told[0]["seller_id"] == str(local.seller)
    (listed,) = await local.downloads(bought.user)
    assert (listed["downloads_used"], listed["downloads_left"]) == (2, 0)


async def test_a_crowd_of_clicks_gets_no_more_links_than_were_bought(local, order):
    bought, (download,) = await sold(local, order, await local.asset(SMALL), download_limit=3)
    answers = await asyncio.gather(*(local.link(bought.user, download) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [403] * 17
    assert len(await local.one.told("delivery.downloaded")) == 3


async def test_a_download_without_limits_has_none(local, order):
    bought, (download,) = await sold(local, order, await local.asset(SMALL))
    assert (download["downloads_left"], download["expires_at"]) == (None, None)
    assert {(await local.link(bought.user, download)).status_code for _ in range(5)} == {200}


async def test_after_its_days_a_download_is_over(local, order):
    bought, (download,) = await sold(local, order, await local.asset(SMALL), download_days=1)
    await local.sql("UPDATE grants SET expires_at = now() - interval '1 second'")
    answer = await local.link(bought.user, download)
    assert (answer.status_code, answer.json()["code"]) == (403, "download_expired")


async def test_a_refund_ends_the_links_to_come_at_once_and_one_given_already_within_its_time(make_gallery, order):
    gallery = await make_gallery("local", DOWNLOAD_URL_TTL="2s")
    bought, (download,) = await sold(gallery, order, await gallery.asset(SMALL))
    url = (await gallery.link(bought.user, download)).json()["url"]
    await gallery.one.hear(bought.refunded(*bought.lines))
    answer = await gallery.link(bought.user, download)
    assert (answer.status_code, answer.json()["code"]) == (403, "download_revoked")
    assert (await gallery.downloads(bought.user))[0]["revoked"]
    await asyncio.sleep(2.1)
    late = await gallery.fetch(url)
    assert (late.status_code, late.json()["code"]) == (403, "link_not_valid")


async def test_what_is_bought_stays_as_it_was_when_it_was_sold(local, order):
    first, second = await local.asset(SMALL), await local.asset(photo((70, 40)))
    product = await local.product(files=[first["id"]], download_limit=5, licence="old")
    bought, _ = await local.sell(order, product)
    change = {"files": [second["id"]], "download_limit": 1, "licence": "new"}
    answer = await local.client.patch(f"/products/{product['id']}", json=change, headers=local.headers)
    assert [file["id"] for file in answer.json()["files"]] == [second["id"]]
    (download,) = await local.downloads(bought.user)
    assert [file["id"] for file in download["files"]] == [first["id"]]
    assert (download["downloads_left"], download["licence"]) == (5, "old")


async def test_of_several_files_one_is_named(local, order):
    first, second = await local.asset(SMALL), await local.asset(b"%PDF-1.7" + b"0" * 99, "application/pdf", "b.pdf")
    bought, (download,) = await sold(local, order, first, second)
    answer = await local.link(bought.user, download)
    assert (answer.status_code, answer.json()["code"], answer.json()["files"]) == (
        422,
        "file_required",
        [first["id"], second["id"]],
    )
    assert (await local.link(bought.user, download, file_id=second["id"])).json()["name"] == "b.pdf"
    answer = await local.link(bought.user, download, file_id=str(new_id()))
    assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")
    (listed,) = await local.downloads(bought.user)
    assert listed["downloads_used"] == 1


async def test_what_the_seller_brings_late_is_there_for_those_who_bought_it_early(local, order):
    product = await local.product()
    bought, (download,) = await local.sell(order, product)
    answer = await local.link(bought.user, download)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_download")
    asset = await local.asset(SMALL)
    change = {"files": [asset["id"]]}
    await local.client.patch(f"/products/{product['id']}", json=change, headers=local.headers)
    (download,) = await local.downloads(bought.user)
    assert [file["id"] for file in download["files"]] == [asset["id"]]
    assert (await local.link(bought.user, download)).status_code == 200


async def test_the_body_of_the_question_for_a_link_may_be_left_out(local, order):
    bought, (download,) = await sold(local, order, await local.asset(SMALL))
    path, headers = f"/downloads/{download['id']}/url", bearer(bought.user)
    assert (await local.client.post(path, headers=headers)).status_code == 200
    assert (await local.client.post(path, headers=headers, json={"file": "x"})).status_code == 422
    assert (await local.client.post(path, headers=headers, content=b"{")).status_code in {400, 415}


async def test_downloads_of_others_are_not_there(local, order):
    _, (download,) = await sold(local, order, await local.asset(SMALL))
    for user in (new_id(), local.seller):
        answer = await local.link(user, download)
        assert (answer.status_code, answer.json()["code"]) == (404, "download_not_found")
    assert (await local.client.post(f"/downloads/{download['id']}/url", json={})).status_code == 401


@pytest.mark.parametrize(
    "change", [("expires=", "expires=9"), ("signature=", "signature=0"), ("expires=", "expires=x")]
)
async def test_a_link_that_was_changed_gives_nothing(local, order, change):
    bought, (download,) = await sold(local, order, await local.asset(SMALL))
    url = (await local.link(bought.user, download)).json()["url"]
    answer = await local.fetch(url.replace(*change))
    assert (answer.status_code, answer.json()["code"]) == (403, "link_not_valid")
    other = await local.asset(photo((70, 50)))
    assert (await local.fetch(url.replace(download["files"][0]["id"], other["id"]))).status_code == 403


async def test_a_link_takes_as_many_statements_whatever_was_bought(local, order, counted):
    assets = [await local.asset(photo((40 + side, 40))) for side in range(5)]
    few, (one,) = await sold(local, order, assets[0])
    many, (five,) = await sold(local, order, *assets)
    counts = []
    for bought, download in ((few, one), (many, five)):
        async with counted(local.one) as statements:
            assert (await local.link(bought.user, download, file_id=assets[0]["id"])).status_code == 200
            # What a new connection asks about types is the driver's.
            counts.append(sum("typeinfo" not in sql and "current_setting" not in sql for sql in statements))
    assert counts == [4, 4]


async def test_lists_take_one_statement_whatever_is_in_them(local, order, counted):
    assets = [await local.asset(photo((40 + side, 40))) for side in range(3)]
    products = [await local.product(files=[asset["id"] for asset in assets[: count + 1]]) for count in range(3)]
    bought = order(*((product, 1) for product in products))
    await local.one.hear(bought.created(), bought.paid())
    async with counted(local.one) as statements:
        assert len(await local.downloads(bought.user)) == 3
    assert len(statements) == 1
    async with counted(local.one) as statements:
        items = (await local.client.get("/products")).json()["items"]
    assert [len(item["files"]) for item in items] == [3, 2, 1]
    assert len(statements) == 1
