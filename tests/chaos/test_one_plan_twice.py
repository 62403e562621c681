"""One plan begun twice, by real processes: two runs of one name, and the clone belongs to the one that made it."""

from __future__ import annotations

import shutil

import pytest

from tests.chaos.fix_lives import Begin, Life, assert_one_of_everything, clusters_of
from tests.fix_journal import rewritten
from tests.fix_lab import LabUnderTest

pytestmark = pytest.mark.sweep(held_by=("tests/journal/test_store.py",))


def with_the_plan_of(other: Life, life: Life) -> Life:
    """Somebody with a state folder of their own, and the same saved plan."""
    shutil.copy(other.person.home / "plan.json", life.person.home / "plan.json")
    life.run = other.run
    return life


def nonce_of(life: Life) -> str:
    """What the clone's tag says about whose it is."""
    (cluster,) = clusters_of(life.lab, life.run)
    return next(str(tag["Value"]) for tag in cluster["TagList"] if tag["Key"] == "daybreak:nonce")


def test_of_two_that_begin_one_plan_at_once_one_makes_the_clone(lab: LabUnderTest, begin: Begin) -> None:
    """Ada and Bob were both told to restore: the second to create finds the name taken, stops, and cannot clean it away."""
    ada = begin(lab)
    ada.plan()
    bob = with_the_plan_of(ada, begin(lab))
    both = (ada, bob)
    slow = lab.fault("delay", action="CopyDBClusterParameterGroup", identifier=f"{ada.run}-.*", args={"seconds": 3})
    with slow:
        for life in both:
            life.restore_as_planned("-o", "json")
        for life in both:  # neither sees anything of the other's
            life.until("step.intended", "copy-parameter-group")
    ends = {life.end().code: life for life in both}
    assert sorted(ends) == [0, 1], [life.lines()[-3:] for life in both]
    winner, loser = ends[0], ends[1]
    why = next(line.why for line in loser.lines() if line.type == "step.failed")
    assert why.endswith(f'"{ada.run}-quarantine" exists and was not created by this run')
    assert_one_of_everything(winner)
    report = winner.person.daybreak("report", winner.run, "-o", "json").json()["journal"]
    assert (report["anchor"], report["ends_without_anchor"]) == (report["events"] - 5, False)
    assert (
        "event {anchor} is anchored in the clone's tag".format_map(report)
        in winner.person.daybreak("show", winner.run, "-v").out
    )
    shown = loser.person.daybreak("show", loser.run).out
    assert "the journal's tail has no anchor" in shown
    assert "\nnext     daybreak plan pitr embi --to " in shown, "it made nothing: there is nothing to clean"
    owner = nonce_of(winner)
    refused = loser.person.daybreak("clean", loser.run, "--yes")
    assert (refused.code, "this run did not create it" in refused.err) == (2, True), refused.err
    told = loser.person.daybreak("validate", loser.run, "--depth", "quick")
    assert "does not carry the nonce of this run: another one took its name" in told.err
    assert nonce_of(winner) == owner
    _adopts_nothing_without_its_journal(winner)
    assert nonce_of(winner) == owner
    assert_one_of_everything(winner)
    found_out = _is_found_out(winner)
    cleaned = winner.person.daybreak("clean", winner.run, "--yes")
    assert (cleaned.code, found_out in " ".join(cleaned.err.split())) == (0, True), cleaned.err
    assert clusters_of(lab, winner.run) == []


def _adopts_nothing_without_its_journal(life: Life) -> None:
    """What is left of the folder tells that there was a journal; where even that is lost, the clone itself is in the way."""
    journal, mark = life.folder / "journal.jsonl", life.folder / "begun"
    kept, sent = journal.read_bytes(), life.changes()
    journal.unlink()
    lost = life.person.daybreak("resume", life.run)
    assert (lost.code, "the whole journal is gone, and the run had begun" in lost.err) == (1, True), lost.err
    mark.unlink()
    again = life.person.daybreak("resume", life.run)
    assert (again.code, f'a cluster "{life.run}" exists already' in again.err) == (2, True), again.err
    assert not journal.exists()
    assert life.changes() == sent
    journal.write_bytes(kept)
    mark.touch()


def _is_found_out(life: Life) -> str:
    """A journal that is cut or forged verifies by itself; the clone's tag tells. What is told of the forged one."""
    journal = life.folder / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-8]))
    assert "status   stopped" in life.person.daybreak("show", life.run).out
    resumed = life.person.daybreak("resume", life.run)
    damage = f'the journal of the run "{life.run}" is damaged: it was cut: it ends with event {len(lines) - 9}'
    assert (resumed.code, damage in resumed.err) == (1, True), resumed.err
    assert journal.read_bytes() == b"".join(lines[:-8])
    journal.write_bytes(b"".join(rewritten(lines, 3)))
    forged = f"is damaged: it was rewritten: its event {len(lines) - 5} is another one than the clone's tag names"
    told = life.person.daybreak("validate", life.run, "--depth", "quick")
    assert forged in told.err
    return forged
