"""A whole restore and its clean-up behind something that now and then answers in AWS's place."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.chaos.fix_lives import Begin, assert_one_of_everything, clusters_of
from tests.fix_lab import LabUnderTest
from tests.fix_liar import LIES, SLOW, Asked, Liar, Lie, lying
from tests.fix_operations import CHANGES

pytestmark = pytest.mark.sweep(held_by=("tests/chaos/test_replies.py",))

QUICK = [lie for what, lie in LIES.items() if what not in SLOW]
EVERY = 9


class Moody:
    """Each change's first answer is put away after the change was done, and every ninth answer to a read."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._told = 0

    def __call__(self, asked: Asked) -> Lie | None:
        self._asked[asked.operation] += 1
        is_change = asked.operation in CHANGES
        number = sum(self._asked.values())
        if asked.operation == "GetCallerIdentity" or (
            self._asked[asked.operation] > 1 if is_change else number % EVERY
        ):
            return None
        self._told += 1
        return QUICK[self._told % len(QUICK)]


def test_a_restore_behind_a_lying_proxy_is_made_once_and_ends(lab: LabUnderTest, begin: Begin) -> None:
    """Real processes, a real lab, and a page of HTML where a cluster was made: one cluster, no exit 70."""
    with lying(Liar(upstream=lab.url, decide=Moody(), is_done_first=True, date_shift=-91.5)) as liar:
        lab.admit(liar.url)
        life = begin(lab)
        life.person = replace(life.person, url=liar.url)
        life.restore("-o", "json")
        done = life.end()
        # A plan that could not look, or looked and was lied to, is asked for again by a person: nothing was changed.
        assert done.code in (0, 2, 75), done.err
        for _ in range(9):
            if done.code == 0:
                break
            life.restore("-o", "json") if not life.runs() else life.start("resume", life.run, "-o", "json")
            done = life.end()
        assert done.code == 0, done.err
        assert "warning: this machine's clock is 1 minute 3" in done.err
        assert_one_of_everything(life)
        cleaned = life.person.daybreak("clean", life.run, "--yes")
        for _ in range(9):
            if cleaned.code != 75:
                break
            pending = [name for name in life.runs() if name != life.run]
            again = ("resume", pending[0]) if pending else ("clean", life.run, "--yes")
            cleaned = life.person.daybreak(*again)
        assert cleaned.code == 0, cleaned.err
    assert clusters_of(lab, life.run) == []
