"""Fault points do nothing unless they are named, and then exactly what was asked."""

import asyncio
import subprocess
import sys
import time

import pytest

from common.faults import FaultInjected, faultpoint


async def test_a_point_nobody_names_does_nothing(arm):
    arm("other.point:raise")
    await faultpoint("some.point")


async def test_it_raises_each_time_or_the_nth_time_only(arm):
    arm("some.point:raise, other.point:raise@2")
    for _ in range(2):
        with pytest.raises(FaultInjected):
            await faultpoint("some.point")
    await faultpoint("other.point")
    with pytest.raises(FaultInjected):
        await faultpoint("other.point")
    await faultpoint("other.point")


async def test_it_sleeps_and_hangs(arm):
    arm("some.point:sleep=0.05,other.point:hang")
    started = time.monotonic()
    await faultpoint("some.point")
    assert time.monotonic() - started >= 0.04
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await faultpoint("other.point")


def test_it_kills_the_process():
    code = "import asyncio\nfrom common import faults\nfaults.arm('a.b:kill')\nasyncio.run(faults.faultpoint('a.b'))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9


@pytest.mark.parametrize("spec", ["x", "x:explode", "X:kill", "x:sleep", "x:kill@", "x:raise,,y:kil"])
def test_what_is_no_fault_is_said(arm, spec):
    with pytest.raises(ValueError, match="is no fault: write name:kill"):
        arm(spec)


async def test_arming_again_forgets_what_was_armed(arm):
    arm("some.point:raise")
    arm("")
    await faultpoint("some.point")
