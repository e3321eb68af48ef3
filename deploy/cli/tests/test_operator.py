"""The API's documentation and the system's health, as browsers get them."""

import hashlib
from base64 import b64encode

import httpx2
import pytest

from souk.operator import documents_app, health_app


@pytest.fixture
def client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(documents_app()), base_url="http://souk")


async def test_the_documentation_runs_its_own_script_and_nobody_elses(client: httpx2.AsyncClient) -> None:
    page = await client.get("/api/docs")
    script = page.text.split("<script>")[1].split("</script>")[0]
    policy = page.headers["content-security-policy"]
    assert f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert "script-src 'self' 'sha256-" in policy
    assert page.text.count("<script>") == 1
    assert "http" not in page.text.replace(page.text.split("<script>")[1], "").partition("<body>")[0]


@pytest.mark.parametrize(
    "path", ["/api/docs", "/api/docs/openapi.json", "/api/docs/assets/swagger-ui.css", "/api/docs/no"]
)
async def test_what_no_service_answers_has_its_headers_too(client: httpx2.AsyncClient, path: str) -> None:
    headers = (await client.get(f"/api/docs{path}")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_health_is_no_page() -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(health_app([])), base_url="http://souk") as client:
        answer = await client.get("/api/v1/health")
    assert answer.json() == {"status": "ok", "services": {}}
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
