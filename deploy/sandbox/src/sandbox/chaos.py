"""The chaos dial: rules that say how a provider misbehaves, deterministic by seed and remembered across restarts."""

import json
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from sandbox.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS chaos_rules (
    position INTEGER PRIMARY KEY, rule TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0, hits INTEGER NOT NULL DEFAULT 0
);
"""
_COMMITTED = frozenset({"commit_then_hang", "commit_then_error"})
MODES = {
    "api": frozenset({"error", "hang", "delay", "tamper"}) | _COMMITTED,
    "webhook": frozenset({"drop", "duplicate", "delay", "reorder", "wrong_secret", "old_secret", "tamper"}),
    "smtp": frozenset({"error", "hang", "delay"}) | _COMMITTED,
}
VARIANTS = {
    "commit_then_error": frozenset({"error", "reset", "truncate", "html"}),
    "tamper": frozenset({"all", "amount", "currency", "metadata"}),
}
_SMTP_STAGES = frozenset({"rcpt", "data"})
_SMTP_STATUSES = frozenset({421, 450, 451, 452, 550, 552, 554})


class RuleError(ValueError):
    """The rule cannot be understood; the message says why."""


@dataclass(frozen=True)
class Rule:
    """One way to misbehave; `delay` is in seconds.

    `operation` is a name or a pattern such as `refunds.*`, None means all; for smtp it is the stage: `rcpt` or `data`.
    """

    provider: str
    mode: str
    target: str = "api"
    operation: str | None = None
    share: float = 1.0
    count: int | None = None
    delay: float | None = None
    status: int | None = None
    seed: int = 0
    times: int = 2
    variant: str | None = None

    @property
    def identity(self) -> tuple[str, str, str | None, str]:
        """Two rules with the same identity replace one another."""
        return (self.provider, self.target, self.operation, self.mode)

    def concerns(self, provider: str, target: str, operation: str) -> bool:
        """Whether this rule speaks about the given thing at all."""
        here = self.provider == provider and self.target == target
        return here and (self.operation is None or fnmatchcase(operation, self.operation))

    def wait(self, default: float) -> float:
        """Seconds to wait, `default` if the rule does not say."""
        return default if self.delay is None else self.delay


@dataclass(frozen=True)
class Hit:
    """A rule that fired, with the random numbers that belong to this one firing."""

    rule: Rule
    dice: random.Random


@dataclass
class _Dial:
    position: int
    rule: Rule
    seen: int = 0
    hits: int = 0

    def throw(self) -> Hit | None:
        """Fire or not; the n-th throw of a seed always ends alike."""
        if self.rule.count is not None and self.hits >= self.rule.count:
            return None
        self.seen += 1
        # S311 does not apply: these dice must be repeatable, not secret.
        dice = random.Random(f"{self.rule.seed}:{self.seen}")  # noqa: S311 - repeatable, not secret
        if dice.random() >= self.rule.share:
            return None
        self.hits += 1
        return Hit(self.rule, dice)


class Chaos:
    """All rules of one sandbox, in the order they were put."""

    def __init__(self, store: Store, providers: frozenset[str]) -> None:
        self._store = store
        self._providers = providers
        self._dials: list[_Dial] = []
        with store.transaction() as db:
            for row in db.execute("SELECT * FROM chaos_rules ORDER BY position"):
                self._dials.append(_Dial(row["position"], Rule(**json.loads(row["rule"])), row["seen"], row["hits"]))

    def first(self, provider: str, target: str, operation: str) -> Hit | None:
        """The first rule that fires for this thing, if any."""
        return next(self._throw(provider, target, operation), None)

    def every(self, provider: str, operation: str, modes: frozenset[str]) -> dict[str, Hit]:
        """All webhook rules of these modes that fire for an event type, by mode."""
        thrown = self._throw(provider, "webhook", operation, modes)
        return {hit.rule.mode: hit for hit in thrown}

    def put(self, body: object) -> None:
        """Add or replace one rule, or with a list replace all. Raises `RuleError` and then changes nothing."""
        if isinstance(body, list):
            rules = [parse_rule(item, self._providers) for item in body]
            self._dials = []
        else:
            rules = [parse_rule(body, self._providers)]
        for rule in rules:
            self._dials = [dial for dial in self._dials if dial.rule.identity != rule.identity]
            position = max((dial.position for dial in self._dials), default=0) + 1
            self._dials.append(_Dial(position, rule))
        self._write_all()

    def clear(self) -> None:
        """Behave again."""
        self._dials = []
        self._write_all()

    def listed(self) -> list[dict[str, Any]]:
        """The rules with how often each was asked and how often it fired."""
        return [{**asdict(dial.rule), "seen": dial.seen, "hits": dial.hits} for dial in self._dials]

    def _throw(self, provider: str, target: str, operation: str, modes: frozenset[str] | None = None) -> Iterator[Hit]:
        for dial in self._dials:
            if dial.rule.concerns(provider, target, operation) and (modes is None or dial.rule.mode in modes):
                hit = dial.throw()
                with self._store.transaction() as db:
                    _write_counts(db, dial)
                if hit is not None:
                    yield hit

    def _write_all(self) -> None:
        with self._store.transaction() as db:
            db.execute("DELETE FROM chaos_rules")
            for dial in self._dials:
                row = (dial.position, json.dumps(asdict(dial.rule)), dial.seen, dial.hits)
                db.execute("INSERT INTO chaos_rules (position, rule, seen, hits) VALUES (?, ?, ?, ?)", row)


def _write_counts(db: sqlite3.Connection, dial: _Dial) -> None:
    db.execute("UPDATE chaos_rules SET seen = ?, hits = ? WHERE position = ?", (dial.seen, dial.hits, dial.position))


def parse_rule(body: object, providers: frozenset[str]) -> Rule:
    """A rule from JSON. Raises `RuleError`."""
    if not isinstance(body, dict):
        raise RuleError("a rule is a JSON object")
    known = {field.name for field in fields(Rule)} | {"stage"}
    unknown = sorted(set(body) - known)
    if unknown:
        raise RuleError(f"unknown field: {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    missing = sorted({"provider", "mode"} - set(body))
    if missing:
        raise RuleError(f"missing field: {', '.join(missing)}")
    given = {name: value for name, value in body.items() if value is not None}
    if given.get("operation") == "*":
        del given["operation"]
    stage = given.pop("stage", None)
    if stage is not None:
        given["operation"] = stage
    _check_types(given)
    rule = Rule(**given)
    _check_meaning(rule, providers)
    return rule


_TYPES: dict[str, tuple[type, ...]] = {
    "share": (int, float),
    "delay": (int, float),
    "count": (int,),
    "status": (int,),
    "seed": (int,),
    "times": (int,),
}


def _check_types(given: dict[str, Any]) -> None:
    for name, value in given.items():
        wanted = _TYPES.get(name, (str,))
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise RuleError(f"{name} must be {' or '.join(kind.__name__ for kind in wanted)}")


def _check_meaning(rule: Rule, providers: frozenset[str]) -> None:
    smtp = rule.provider == "smtp"
    if rule.provider not in providers | {"smtp"}:
        raise RuleError(f"unknown provider: {rule.provider}; known are {', '.join(sorted(providers | {'smtp'}))}")
    if rule.target not in {"api", "webhook"}:
        raise RuleError(f"unknown target: {rule.target}; known are api, webhook")
    modes = MODES["smtp" if smtp else rule.target]
    if rule.mode not in modes:
        raise RuleError(f"mode {rule.mode} is unknown for this target; known are {', '.join(sorted(modes))}")
    variants = VARIANTS.get(rule.mode, frozenset())
    if rule.variant is not None and rule.variant not in variants:
        raise RuleError(f"unknown variant: {rule.variant}; {rule.mode} knows {', '.join(sorted(variants)) or 'none'}")
    if smtp and rule.operation not in _SMTP_STAGES | {None}:
        raise RuleError("the operation of an smtp rule is rcpt or data")
    _check_numbers(rule, smtp=smtp)


def _check_numbers(rule: Rule, *, smtp: bool) -> None:
    statuses = _SMTP_STATUSES if smtp else range(400, 600)
    if rule.status is not None and rule.status not in statuses:
        raise RuleError("status must be an error of the protocol: 4xx or 5xx over HTTP, 421 to 554 over SMTP")
    if not 0 <= rule.share <= 1:
        raise RuleError("share must be between 0 and 1")
    if (rule.count or 0) < 0 or (rule.delay or 0) < 0 or rule.times < 1:
        raise RuleError("count and delay must not be negative, and times at least 1")
