"""What the tests of guards, undos and both worlds are worth: each of these faults, made on purpose in a copy, makes one of them fail.

The law: a fault is one edit of one place. A line that moved makes its row fail, and whoever moved it writes the row anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNDO = "tests/chaos/test_undo.py::test_any_prefix_of_a_run_can_be_taken_back[copied-group]"
POLICY = "tests/chaos/test_undo.py::test_the_policy_allows_the_changes_that_are_sent_and_no_other[copied-group]"
REGIONS = "tests/chaos/test_regions.py::test_each_step_acts_and_is_taken_back_where_it_is_placed"
ALIKE = "tests/chaos/test_both_worlds.py::test_both_worlds_end_alike[2]"
_ON_THE_LAB = "tests/chaos/test_guards_on_the_lab.py::test_nothing_is_sent_where_another_client_breaks_a_guard[{}]"
USURPED = _ON_THE_LAB.format("copied-group-restore-cluster-another's-cluster")
EXCHANGED = _ON_THE_LAB.format("copied-group-restore-cluster-exchanged-cluster")
REMOVED = _ON_THE_LAB.format("copied-group-create-writer-no-cluster")


@dataclass(frozen=True)
class Mutation:
    """One fault: an edit of a file, and the test that must find it."""

    name: str
    file: str
    old: str
    new: str
    test: str


_PRODUCT = (
    Mutation(
        "an undo is left out",
        "src/daybreak/plan/undoing.py",
        "TakenBack(actions=(DeleteParameterGroup(group=group),))",
        "TakenBack(actions=())",
        UNDO,
    ),
    Mutation(
        "an undo acts in the wrong region",
        "src/daybreak/plan/undoing.py",
        'each.model_copy(update={"region": action.region})',
        'each.model_copy(update={"region": None})',
        REGIONS,
    ),
    Mutation(
        "what was done first is taken back first",
        "src/daybreak/plan/rollback.py",
        "for deed in reversed(deeds):",
        "for deed in deeds:",
        UNDO,
    ),
    Mutation(
        "a guard reads the plan instead of the world",
        "src/daybreak/assess/guarding.py",
        "now = spell(getattr(seen, guard.field))",
        "now = guard.value",
        EXCHANGED,
    ),
    Mutation(
        "a guard is not asked before a sending",
        "src/daybreak/assess/guarding.py",
        "if seen is None or (not isinstance(seen, Foreign | NamesSeen) and situation.owner.owns(seen.tags)):",
        "if seen is None or situation.changes or (not isinstance(seen, Foreign | NamesSeen) and situation.owner.owns(seen.tags)):",
        USURPED,
    ),
    Mutation(
        "a guard is content with what is gone",
        "src/daybreak/assess/guarding.py",
        "return _absence(thing) if situation.seen.get(thing) is None else _foreign(thing, situation)",
        "return _foreign(thing, situation)",
        REMOVED,
    ),
    Mutation(
        "an operation is said not to touch what it makes",
        "src/daybreak/plan/operations.py",
        '            _makes("DBInstanceIdentifier", "db"),\n            _changes("DBClusterIdentifier", "cluster"),\n',
        '            _changes("DBClusterIdentifier", "cluster"),\n',
        UNDO,
    ),
    Mutation(
        "a permission is missing in the policy",
        "src/daybreak/report/iam_policy.py",
        "for kind, name in (*touched, *row.unnamed):",
        "for kind, name in (*touched[1:], *row.unnamed):",
        POLICY,
    ),
)
_WORLD = (
    Mutation(
        "an instance is made without its tags",
        "tests/chaos/simulated_aws.py",
        "self.instances[name] = Resource(body, _tags(params), *self._born(CREATING))",
        "self.instances[name] = Resource(body, {}, *self._born(CREATING))",
        ALIKE,
    ),
    Mutation(
        "a modification changes nothing",
        "tests/chaos/simulated_aws.py",
        "thing.later = (self.clock.elapsed + SETTLES, asked)",
        "thing.later = (self.clock.elapsed + SETTLES, {})",
        ALIKE,
    ),
    Mutation(
        "a group is copied without its values",
        "tests/chaos/simulated_aws.py",
        'dict(source["Parameters"]), about, params)',
        "{}, about, params)",
        ALIKE,
    ),
    Mutation(
        "the newest instance is the writer",
        "tests/chaos/simulated_aws.py",
        "        first = min(\n",
        "        first = max(\n",
        ALIKE,
    ),
    Mutation(
        "a restore leaves out what its call carried",
        "tests/chaos/wire_shapes.py",
        "        **members_of(CLUSTER, params),\n",
        '        **members_of(CLUSTER, params | {"BackupRetentionPeriod": 99}),\n',
        ALIKE,
    ),
    Mutation(
        "a group outlives its deletion",
        "tests/chaos/simulated_aws.py",
        "        del self.groups[name]\n",
        "        assert name in self.groups\n",
        UNDO,
    ),
)


def outcome(folder: Path, *tests: str) -> tuple[int, str]:
    """The exit code of pytest in a copy of the house, and the end of what it printed."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    foreign = [name for name in environment if name.startswith("PYTEST_XDIST")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "", "--tb=line", *tests]
    kept = {name: value for name, value in environment.items() if name not in foreign}
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr)[-2000:]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of all that the tests need."""
    for name in ("src", "tests"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "golden", "pictures")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.sweep
@pytest.mark.timeout(1200)
def test_the_copy_itself_passes(copied: Path) -> None:
    """What fails below fails because of the fault."""
    tests = {each.test for each in (*_PRODUCT, *_WORLD)}
    code, said = outcome(copied, *sorted(tests))
    assert code == 0, said
    assert f"{len(tests)} passed" in said


@pytest.mark.sweep
@pytest.mark.parametrize("mutation", [pytest.param(each, id=each.name) for each in (*_PRODUCT, *_WORLD)])
def test_a_fault_is_found(copied: Path, mutation: Mutation) -> None:
    """The test that promises it fails, and not because nothing could be imported."""
    place = copied / mutation.file
    text = place.read_text()
    assert text.count(mutation.old) == 1, "the line has moved: write the fault anew"
    place.write_text(text.replace(mutation.old, mutation.new))
    code, said = outcome(copied, mutation.test)
    assert code == pytest.ExitCode.TESTS_FAILED, said
    assert "1 failed" in said


@pytest.mark.parametrize("mutation", [pytest.param(each, id=each.name) for each in (*_PRODUCT, *_WORLD)])
def test_a_fault_can_be_made(mutation: Mutation) -> None:
    """Every row still names a line that is there, and a test that is there."""
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1
    file, _, name = mutation.test.partition("::")
    assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text()
