"""What every refused request must look like."""

from uuid import UUID


def is_problem(answer, status, code):
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:souk:problem:{code}"
    assert body["title"]
    assert body["detail"].endswith(".")
    assert body["request_id"] == answer.headers["x-request-id"]
    assert UUID(body["request_id"])
    return body
