"""What is left of a damaged run, in both stores: its nonce and its plan where they have their digests, and nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from daybreak.errors import DaybreakError, ExitCode, Refused
from daybreak.journal.chain import event_of
from daybreak.journal.damage import Damaged, Newer, removal_of
from daybreak.journal.records import plan_in
from daybreak.journal.remains import remains_of
from daybreak.model.plan import Plan, StepId
from daybreak.model.run import RunAttached, StepIntended
from daybreak.model.tags import NONCE_TAG
from daybreak.model.value import canonical, digest
from tests.fix_journal import Ground, append_steps, attached
from tests.fix_worlds import plan

CALL = {
    "operation": "CreateDBInstance",
    "params": {"Tags": [{"Key": "a", "Value": "b"}, {"Key": NONCE_TAG, "Value": ""}]},
}


@pytest.fixture(scope="module")
def made() -> Plan:
    """A plan to carry out."""
    return plan()


def begun(ground: Ground, made: Plan) -> str:
    """A run with a few events, one of them an intended call with the run's nonce in its tags; the nonce."""
    ground.store().create(made)
    with attached(ground.store(), made.run) as journal:
        nonce = str(journal.state().nonce)
        call = json.loads(json.dumps(CALL).replace('"Value": ""', f'"Value": "{nonce}"'))
        journal.append(StepIntended(step=StepId("a"), attempt=1, call=call))
        append_steps(journal, 4)
    return nonce


def lines_of(ground: Ground) -> list[tuple[str, bytes]]:
    """Each event's line, with the name of the object or the file that it is in."""
    kept = {name: data for name, data in ground.files().items() if "/events/" in name or name.endswith(".jsonl")}
    return [(name, line) for name in sorted(kept) for line in kept[name].splitlines(keepends=True)]


def rewrite(ground: Ground, run: str, number: int, line: bytes) -> None:
    """Put another line in the place of an event, or after the last one."""
    lines = lines_of(ground)
    if ground.is_folder:
        whole = [line if place == number else each for place, (_, each) in enumerate(lines)]
        whole += [line] if number == len(lines) else []
        ground.write(f"runs/{run}/journal.jsonl", b"".join(whole))
    else:
        ground.write(f"runs/{run}/events/{number:08d}.json", line)


def trouble(ground: Ground, run: str) -> DaybreakError:
    """What every reader of the run hears."""
    told = []
    for read in (ground.store().events, ground.store().plan, lambda name: attached(ground.store(), name)):
        with pytest.raises(DaybreakError) as caught:
            read(run)
        told.append(caught.value)
    assert len({type(error) for error in told}) == 1
    assert all(any(removal_of(run) in hint for hint in error.hints) for error in told)
    return told[0]


@pytest.mark.parametrize("number", [0, 2, 6])
def test_a_flipped_byte_takes_away_no_more_than_its_line(ground: Ground, made: Plan, number: int) -> None:
    """The nonce stands in the first event and in the tags of every call that created something."""
    nonce = begun(ground, made)
    line = bytearray(lines_of(ground)[number][1])
    line[len(line) // 2] ^= 1
    rewrite(ground, made.run, number, bytes(line))
    assert isinstance(trouble(ground, made.run), Damaged)
    remains = ground.store().remains(made.run)
    assert (remains.run, remains.nonce) == (made.run, nonce)
    assert remains.plan == made.plain()


@pytest.mark.parametrize(
    "body", [{"type": "step.paced", "pace": 3}, {"type": "run.attached", "who": "a", "where": "b", "mood": 1}]
)
def test_an_event_of_a_newer_release_is_called_newer(ground: Ground, made: Plan, body: dict[str, Any]) -> None:
    """Whoever falls back to an old release is told which one to use, not that the run is damaged."""
    nonce = begun(ground, made)
    lines = lines_of(ground)
    last = json.loads(lines[-1][1])
    event = last["event"] | {"number": len(lines), "previous": last["digest"], "body": body}
    sealed = json.dumps(event, separators=(",", ":")).encode()
    seal = hashlib.sha256(sealed).hexdigest().encode()
    rewrite(ground, made.run, len(lines), b'{"digest":"%s","event":%s}\n' % (seal, sealed))
    error = trouble(ground, made.run)
    assert isinstance(error, Newer)
    assert error.exit_code is ExitCode.REFUSED
    events = [event_of(line)[0] for _, line in lines]
    version = next(event.body.version for event in events if isinstance(event.body, RunAttached))
    assert version, "each process that takes a run writes down its release"
    assert f"was written by Daybreak {version}" in error.message
    assert ground.store().remains(made.run).nonce == nonce


@pytest.mark.parametrize("change", [{"format": 3}, {"clone": "x"}])
def test_a_plan_that_was_changed_testifies_to_nothing(ground: Ground, made: Plan, change: dict[str, Any]) -> None:
    """Neither account nor source are taken from a file that does not have its digest."""
    nonce = begun(ground, made)
    name = f"runs/{made.run}/plan.json"
    plain = json.loads(ground.read(name))
    plain["plan"] |= change
    ground.write(name, json.dumps(plain).encode())
    with pytest.raises(Damaged):
        ground.store().plan(made.run)
    remains = ground.store().remains(made.run)
    assert (remains.plan, remains.nonce) == (None, nonce)


def test_a_plan_of_a_newer_release_is_called_newer(made: Plan) -> None:
    """It has its digest, so it is as it was frozen: this release is too old for it, and can read where it was made."""
    newer = made.plain() | {"format": 3, "mood": "good"}
    data = canonical({"digest": digest(newer), "plan": newer})
    with pytest.raises(Newer, match="it has format 3, and this release reads 1 and 2"):
        plan_in(data, (), "/state/runs/a-run/plan.json")
    assert remains_of("a-run", data, []).plan == newer
    assert remains_of("a-run", data.replace(b"good", b"evil"), []).plan is None
    assert remains_of("a-run", None, [b"rubbish\n", b'{"digest":"']).nonce is None


def test_a_run_whose_plan_is_gone_is_missing_it_and_not_unknown(ground: Ground, made: Plan) -> None:
    """*There is no such run* would send a person away from a clone that is billed."""
    nonce = begun(ground, made)
    ground.remove(f"runs/{made.run}/plan.json")
    with pytest.raises(Damaged, match="is missing"):
        ground.store().plan(made.run)
    assert ground.store().runs() == (made.run,)
    assert ground.store().remains(made.run).nonce == nonce
    with pytest.raises(Refused, match="there is no run"):
        ground.store().remains("never-there")


def test_who_holds_a_run_is_told_without_reading_it(ground: Ground, made: Plan) -> None:
    """A clean-up under the hands of a living process would delete what that one is waiting for."""
    begun(ground, made)
    assert not ground.store().is_held(made.run)
    with attached(ground.store(), made.run):
        assert ground.store().is_held(made.run)
    assert not ground.store().is_held(made.run)
