"""The souk command's smaller verbs, and the sentences of its refusals."""

import json

import pytest
from typer.testing import CliRunner

from common.sealed import Opener, Sealer
from common.settings import BadSetting
from souk import documents
from souk.main import app
from souk.topology import hearers


def souk(*words: str, env: dict[str, str] | None = None) -> str:
    """Return what a command says."""
    result = CliRunner().invoke(app, words, env=env, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_keys_open_what_is_sealed_for_them() -> None:
    private, public = (line.partition("=")[2].strip("'") for line in souk("keys", "orders").splitlines())
    sealed = Sealer(json.loads(public)).seal("a secret", "orders")
    assert Opener(json.loads(private)).open(sealed) == "a secret"


def test_the_topology_shows_who_listens_to_what() -> None:
    shown = souk("topology", "show")
    assert "notifier: order.cancelled" in shown
    assert len(shown.splitlines()) == len(hearers())


def test_facts_say_truly_whether_somebody_listens() -> None:
    heard = frozenset().union(*(hearer.types for hearer in hearers()))
    for fact in documents.every_fact():
        assert fact.heard == (fact.wire in heard), f"{fact.wire}: write heard={fact.wire in heard} in its contract"


def test_the_committed_documents_are_what_the_code_says() -> None:
    assert list(documents.drifted()) == []


def test_a_schema_that_readers_would_miss_something_in_is_not_written(tmp_path, monkeypatch) -> None:
    assert list(documents.taken()) == []
    frozen = json.loads((documents.DOCS / "events" / "user.registered.schema.json").read_text())
    frozen["properties"]["nickname"] = {"type": "string"}
    (tmp_path / "user.registered.schema.json").write_text(json.dumps(frozen))
    taken = ["user.registered: nickname is gone"]
    assert list(documents.taken(tmp_path)) == taken
    monkeypatch.setattr(documents, "taken", lambda: taken)
    result = CliRunner().invoke(app, ["contracts", "write"])
    assert result.exit_code == 1
    assert "frozen: user.registered: nickname is gone. Tell it under a new name" in str(result.exception)


def test_a_bad_port_is_one_sentence() -> None:
    with pytest.raises(BadSetting, match="PORT cannot be used: 'http' is no port number"):
        CliRunner().invoke(app, ["run"], env={"PORT": "http"}, catch_exceptions=False)


@pytest.mark.parametrize("wire", ["inprocess", "rabbitmq"])
def test_production_is_no_place_for_a_local_run(wire: str) -> None:
    with pytest.raises(BadSetting, match="SOUK_ENV must not be production here"):
        CliRunner().invoke(app, ["run", "--wire", wire], env={"SOUK_ENV": "production"}, catch_exceptions=False)
