"""What a process says: one JSON object per line, with the trace's id, and nothing that could break out of it."""

import json
import subprocess
import sys

import pytest

from common.events import Trace
from common.telemetry import Metrics, current_trace, identify, tracing

SCRIPT = """
import logging, structlog
from common.events import Trace
from common.telemetry import log_as_json, tracing
log_as_json("INFO")
log = structlog.get_logger("ours")
with tracing(Trace(correlation_id="c-1")):
    log.info("line one\\r\\nline two", agent="a\\nb")
    log.debug("unheard")
    logging.getLogger("library").warning("from %s", "a library")
    logging.getLogger("aiormq").info("noise")
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed", thing=object())
log.warning("outside")
"""


def test_every_line_is_one_json_object_with_the_correlation_id():
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["line one\r\nline two", "from a library", "failed", "outside"]
    assert [line.get("correlation_id") for line in lines] == ["c-1", "c-1", "c-1", None]
    assert [line["level"] for line in lines] == ["info", "warning", "error", "warning"]
    assert lines[0]["agent"] == "a\nb"
    assert "ValueError: broken" in lines[2]["exception"]
    assert all(line["timestamp"].endswith("Z") for line in lines)


def test_a_process_that_shows_something_else_logs_to_a_file(tmp_path):
    script = SCRIPT.replace(
        'log_as_json("INFO")', f'from pathlib import Path; log_as_json("INFO", Path("{tmp_path}/log"))'
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")
    assert len((tmp_path / "log").read_text().splitlines()) == 4


def test_a_trace_holds_for_what_is_done_under_it():
    outer, inner = Trace(correlation_id="outer"), Trace(correlation_id="inner")
    with tracing(outer):
        with tracing(inner):
            identify("user", "42")
            assert (current_trace().correlation_id, current_trace().auth_id) == ("inner", "42")
        assert current_trace() == outer
    assert current_trace() == Trace()


def test_services_in_one_process_count_apart():
    first, second = Metrics("first"), Metrics("second")
    first.published.labels("order.paid").inc()
    assert first.registry.get_sample_value("souk_events_published_total", {"type": "order.paid"}) == 1
    assert second.registry.get_sample_value("souk_events_published_total", {"type": "order.paid"}) is None
    with pytest.raises(ValueError, match="Incorrect label"):
        first.published.labels("a", "b")
