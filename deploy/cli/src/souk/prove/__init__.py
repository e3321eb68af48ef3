"""`souk prove`: people buy, faults overlap, and in the end every book has to balance and every promise to be kept."""

import time
from collections.abc import Mapping
from pathlib import Path

from souk.home import Home
from souk.hurt.enduring import console
from souk.prove.page import write_page
from souk.prove.proof import Proof
from souk.prove.running import run
from souk.prove.schedule import schedule
from souk.prove.telling import tell_end, tell_plan

__all__ = ["Proof", "prove"]


async def prove(home: Home, given: Mapping[str, str], proof: Proof, page: Path | None) -> int:
    """Fill in a proof, with the faults of its seed; return the exit code. The page defaults to one in the home."""
    began, plan = time.monotonic(), schedule(proof.seed, proof.minutes)
    tell_plan(proof, plan)
    if not plan:
        console.print("[red]there is no time for any fault[/]")
        return 1
    await run(home, given, proof, plan)
    page = page or home.path / f"proof-{proof.seed}.html"
    write_page(page, proof)
    tell_end(proof)
    console.print(f"[dim]seed {proof.seed}, {time.monotonic() - began:.0f} s; page: {page}; logs: {home.logs}[/]")
    return 1 if proof.wrong else 0
