"""What ImageKit tells by itself: genuine or refused, and never believed."""

import asyncio

import pytest
import structlog

from catalog.settings import CatalogSettings
from common.settings import BadSetting, load

from .conftest import SECRET, photo

HOOK = "/assets/webhooks/imagekit"
SMALL = photo((60, 40))


async def letters(gallery, wanted):
    async with asyncio.timeout(10):
        while not (found := [letter for letter in gallery.street.letters if wanted in letter[1].decode()]):
            await asyncio.sleep(0.02)
    return found


async def test_genuine_news_have_the_store_asked_and_are_not_believed(imagekit):
    asset = await imagekit.asset(SMALL)
    (headers, body), *_ = await letters(imagekit, "file.created")
    answer = await imagekit.client.post(HOOK, content=body, headers=headers)
    assert answer.status_code == 204
    await imagekit.one.work_loops("tidying assets")
    assert (await imagekit.show(asset["id"]))["reason"] is None
    (row,) = await imagekit.sql("SELECT due_at FROM assets")
    assert row["due_at"] is None


async def test_a_file_that_was_deleted_at_imagekit_raises_the_alarm(imagekit):
    asset = await imagekit.asset(SMALL)
    base = f"{imagekit.street.url}/sandbox/imagekit/v1/files/{asset['file_id']}"
    await imagekit.http.delete(base, auth=("private_of_the_test_which_is_long_enough", ""))
    (headers, body), *_ = await letters(imagekit, "file.deleted")
    assert (await imagekit.client.post(HOOK, content=body, headers=headers)).status_code == 204
    with structlog.testing.capture_logs() as logs:
        await imagekit.one.work_loops("tidying assets")
    assert [(line["log_level"], line["reason"]) for line in logs] == [("error", "gone")]
    shown = await imagekit.show(asset["id"])
    assert (shown["status"], shown["reason"]) == ("ready", "gone")


async def test_news_of_an_upload_find_it_before_its_time_is_over(imagekit):
    ticket = await imagekit.ticket(SMALL)
    file_id = (await imagekit.send(ticket, SMALL)).json()["fileId"]
    (headers, body), *_ = await letters(imagekit, "file.created")
    await imagekit.client.post(HOOK, content=body, headers=headers)
    await imagekit.one.work_loops("tidying assets")
    shown = await imagekit.show(ticket["asset_id"])
    assert (shown["status"], shown["file_id"]) == ("issued", file_id)
    assert (await imagekit.register(file_id=file_id)).json()["status"] == "ready"


async def test_news_that_overtake_a_registration_do_not_end_it(imagekit):
    ticket = await imagekit.ticket(SMALL)
    file_id = (await imagekit.send(ticket, SMALL)).json()["fileId"]
    asked = await imagekit.register(file_id=file_id, wait=0)
    assert (asked.status_code, asked.json()["status"]) == (202, "checking")
    (headers, body), *_ = await letters(imagekit, "file.created")
    await imagekit.client.post(HOOK, content=body, headers=headers)
    await imagekit.one.work_loops("tidying assets")
    again = await imagekit.register(file_id=file_id, wait=0)
    assert again.status_code in {201, 202}, again.text
    assert (await imagekit.register(file_id=file_id)).json()["status"] == "ready"


async def test_either_secret_opens_while_one_replaces_the_other(make_gallery):
    gallery = await make_gallery("imagekit", IMAGEKIT_WEBHOOK_SECRET=f"whsec_new, {SECRET}")
    await gallery.asset(SMALL)
    (headers, body), *_ = await letters(gallery, "file.created")
    assert (await gallery.client.post(HOOK, content=body, headers=headers)).status_code == 204


@pytest.mark.parametrize(
    "forge",
    [
        lambda _, body: ({}, body),
        lambda headers, body: (headers | {"webhook-signature": "v1,AAAA"}, body),
        lambda headers, body: (headers | {"webhook-signature": "v1"}, body),
        lambda headers, body: (headers | {"webhook-timestamp": "1"}, body),
        lambda headers, body: (headers | {"webhook-timestamp": "soon"}, body),
        lambda headers, body: (headers, body + b" "),
        lambda headers, _: (headers, b"\xff\xfe"),
        lambda headers, _: (headers, b""),
    ],
)
async def test_news_that_are_not_genuine_are_refused(imagekit, forge):
    await imagekit.asset(SMALL)
    headers, body = forge(*(await letters(imagekit, "file.created"))[0])
    kept = {name: value for name, value in headers.items() if name.startswith("webhook")}
    answer = await imagekit.client.post(HOOK, content=body, headers=kept)
    assert (answer.status_code, answer.json()["code"]) == (400, "webhook_not_genuine")


async def test_without_imagekit_nothing_is_genuine(local):
    assert (await local.client.post(HOOK, content=b"{}")).status_code == 400


BASE = {"DATABASE_URL_CATALOG": "postgresql://u:p@x/y", "WIRE": "inprocess"}
PRODUCTION = {
    **BASE,
    "WIRE": "rabbitmq",
    "AMQP_URL": "amqp://u:p@x/",
    "SOUK_ENV": "production",
    "PUBLIC_URL": "https://x",
}
ACCOUNT = {
    "IMAGEKIT_PRIVATE_KEY": "private_n0body-knows",
    "IMAGEKIT_PUBLIC_KEY": "public_mine",
    "IMAGEKIT_URL_ENDPOINT": "https://ik.imagekit.io/mine",
    "IMAGEKIT_WEBHOOK_SECRET": "whsec_n0body-knows",
}
BUCKET = {"ASSET_STORE": "s3", "S3_BUCKET": "b", "S3_ACCESS_KEY_ID": "id", "S3_SECRET_ACCESS_KEY": "n0body-knows"}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (BASE | {"IMAGEKIT_PRIVATE_KEY": "private_x"}, "IMAGEKIT_PUBLIC_KEY"),
        (BASE | {"ASSET_STORE": "imagekit"}, "IMAGEKIT_PRIVATE_KEY"),
        (BASE | {"ASSET_STORE": "s3", "S3_BUCKET": "b"}, "S3_ACCESS_KEY_ID"),
        (PRODUCTION, "ASSET_SECRET"),
    ],
)
def test_a_store_that_is_not_set_up_stops_the_start(given, missing):
    with pytest.raises(BadSetting, match=f"{missing} is missing"):
        load(CatalogSettings, given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (ACCOUNT | {"IMAGEKIT_PRIVATE_KEY": "private_placeholder"}, "IMAGEKIT_PRIVATE_KEY must not be a default"),
        (ACCOUNT | {"IMAGEKIT_PUBLIC_KEY": "public_souk_sandbox"}, "IMAGEKIT_PUBLIC_KEY must not be the sandbox's"),
        (ACCOUNT | {"IMAGEKIT_WEBHOOK_SECRET": "secret"}, "IMAGEKIT_WEBHOOK_SECRET must not be a default"),
        (ACCOUNT | {"IMAGEKIT_WEBHOOK_SECRET": ""}, "IMAGEKIT_WEBHOOK_SECRET is missing"),
        (
            ACCOUNT | {"IMAGEKIT_API_BASE": "http://sandbox:9000/sandbox/imagekit"},
            "IMAGEKIT_API_BASE must not be the sandbox's",
        ),
        (BUCKET | {"S3_SECRET_ACCESS_KEY": "minioadmin"}, "S3_SECRET_ACCESS_KEY must not be a default"),
        ({"ASSET_SECRET": "change-me-please-now"}, "ASSET_SECRET must not be a default"),
    ],
)
def test_production_refuses_empty_and_default_secrets(given, sentence):
    for good in (ACCOUNT, BUCKET, {"ASSET_SECRET": "x" * 20}):
        assert load(CatalogSettings, PRODUCTION | good).environment == "production"
    with pytest.raises(BadSetting, match=sentence):
        load(CatalogSettings, PRODUCTION | given)
    assert load(CatalogSettings, PRODUCTION | given | {"SOUK_ENV": "development"}).environment == "development"


def test_the_store_is_as_set_else_imagekit_with_a_key_else_our_own_disk():
    keys = {
        "IMAGEKIT_PRIVATE_KEY": "a",
        "IMAGEKIT_PUBLIC_KEY": "b",
        "IMAGEKIT_URL_ENDPOINT": "https://ik.imagekit.io/x",
    }
    assert load(CatalogSettings, BASE).store == "local"
    assert load(CatalogSettings, BASE | keys).store == "imagekit"
    assert load(CatalogSettings, BASE | keys | {"ASSET_STORE": "local"}).store == "local"
    sealed = {"SEAL_PRIVATE_KEY": '{"kty": "EC"}'}
    one, other = load(CatalogSettings, PRODUCTION | sealed), load(CatalogSettings, PRODUCTION | sealed)
    assert one.link_secret == other.link_secret
    assert load(CatalogSettings, PRODUCTION | {"ASSET_SECRET": "x" * 20}).link_secret == "x" * 20
    assert load(CatalogSettings, BASE).link_secret != load(CatalogSettings, BASE).link_secret
