"""`souk roll` replaces one container after the other: a docker that only writes down what it is told."""

import pytest

from souk.machines.errors import MachineError
from souk.rolling import roll

# Knows running containers as lines of a file per service; a container that must not become well fails `up`.
DOCKER = """#!/bin/sh
cd "$STATE" || exit 9
echo "$*" >> told
case "$*" in
"compose ps --quiet "*) shift 3; cat "$1" 2> /dev/null; exit 0;;
"compose up "*"orders-api") echo "new$(wc -l < told)" >> orders-api; test ! -e ill || { echo ill >&2; exit 1; };;
"rm --force "*) sed -i "/^$3\\$/d" orders-api;;
"rm "*) sed -i "/^$2\\$/d" orders-api;;
esac
"""


@pytest.fixture
def state(tmp_path, monkeypatch):
    """The folder of what it remembers."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("STATE", str(tmp_path))
    return tmp_path


def told(state):
    return [line for line in (state / "told").read_text().splitlines() if " ps " not in line]


def test_each_old_one_stops_after_a_new_one_is_well(state):
    (state / "orders-api").write_text("old1\nold2\n")
    (state / "orders-worker").write_text("w1\nw2\nw3\n")
    lines = list(roll("orders", noticed=0))
    assert lines[-3:] == ["orders-api: 1 of 2 replaced", "orders-api: 2 of 2 replaced", "orders-worker: replaced"]
    up = "compose up --detach --wait --wait-timeout 180 --no-deps"
    assert told(state) == [
        "compose build databases orders-api",
        *(
            f"compose run --rm --no-deps -T {once}"
            for once in ("databases", "topology", "broker-users", "migrate-orders")
        ),
        "compose rm --force orders-api",
        *(f"{up} --no-recreate --scale orders-api=3 orders-api", "stop old1", "rm old1"),
        *(f"{up} --no-recreate --scale orders-api=3 orders-api", "stop old2", "rm old2"),
        f"{up} --scale orders-worker=3 orders-worker",
    ]
    left = (state / "orders-api").read_text().split()
    assert len(left) == 2
    assert not {"old1", "old2"} & set(left)


def test_a_new_one_that_is_not_well_is_taken_away_and_the_old_ones_go_on(state):
    (state / "orders-api").write_text("old1\nold2\n")
    (state / "ill").touch()
    with pytest.raises(MachineError, match="ill\nThe new orders-api is not well and was taken away; 2 old ones go on"):
        list(roll("orders", noticed=0))
    assert (state / "orders-api").read_text().split() == ["old1", "old2"]
    assert not [line for line in told(state) if line.startswith("stop")]


@pytest.mark.parametrize(
    ("service", "sentence"), [("ordres", "There is no service 'ordres'"), ("orders", "`make up` starts it")]
)
def test_what_cannot_be_replaced_is_a_sentence(state, service, sentence):
    with pytest.raises(MachineError, match=sentence):
        list(roll(service, noticed=0))
    assert not (state / "told").exists() or not told(state)
