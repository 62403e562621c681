"""What every plan of a recovery keeps to, in any world."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from daybreak.model.actions import (
    AnchorJournal,
    CopyParameterGroup,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    ManagePassword,
    RestoreToMoment,
    SetClusterOptions,
    SetParameters,
    Validate,
)
from daybreak.model.guards import NotTheSource
from daybreak.model.moment import At, Latest
from daybreak.model.names import is_identifier
from daybreak.model.observation import Observation
from daybreak.model.plan import Step
from daybreak.model.world import Member, ParameterGroup, ServerlessRange
from daybreak.plan.calls import call_of, stamp_of
from daybreak.plan.quarantine import CARED_FOR
from tests import fix_worlds
from tests.fix_operations import names_touched
from tests.fix_worlds import MOMENT, REGION, SOURCE
from tests.plan.test_pitr import backup, change_of, deleted


@st.composite
def worlds(draw: st.DrawFn) -> Observation:
    """Any world in which a plan may be possible."""
    if draw(st.booleans()):
        return fix_worlds.observation(**deleted(backup(port=draw(st.sampled_from([None, 5432, 6000])))))
    count = draw(st.integers(0, 15))
    instances = tuple(
        fix_worlds.instance(
            number,
            instance_class=draw(st.sampled_from(["db.r6g.large", "db.serverless"])),
            is_public=draw(st.booleans()),
            monitoring_interval=draw(st.sampled_from([0, 60])),
            monitoring_role="arn:aws:iam::1:role/m",
            has_performance_insights=draw(st.booleans()),
            tags=draw(st.dictionaries(st.sampled_from(["a", "aws:b", "daybreak:run"]), st.text(max_size=3))),
        )
        for number in range(1, count + 1)
    )
    cluster = fix_worlds.cluster(
        members=tuple(Member(identifier=each.identifier, is_writer=each.tier == 0) for each in instances),
        serverless=ServerlessRange(low=0.5, high=4)
        if any(each.instance_class == "db.serverless" for each in instances)
        else draw(st.none() | st.just(ServerlessRange(low=0.5, high=4))),
        is_protected=draw(st.booleans()),
        log_exports=draw(st.sampled_from([(), ("postgresql",)])),
        backup_window=draw(st.sampled_from([None, "01:00-01:30"])),
    )
    name = draw(st.sampled_from(["default.aurora-postgresql16", "embi-aurora-params"]))
    return fix_worlds.observation(
        cluster=cluster,
        instances=instances,
        parameter_group=ParameterGroup(name=name, family="aurora-postgresql16"),
        settable=tuple(sorted(draw(st.sets(st.sampled_from(sorted(CARED_FOR)))) | {"max_logical_replication_workers"})),
        size=draw(st.none() | st.integers(0, 2**45)),
    )


@settings(max_examples=200, derandomize=True)
@given(
    world=worlds(),
    is_latest=st.booleans(),
    is_read_only=st.booleans(),
    suffix=st.from_regex("[a-z2-9]{1,6}", fullmatch=True),
)
def test_what_every_plan_keeps_to(world: Observation, *, is_latest: bool, is_read_only: bool, suffix: str) -> None:
    """The promises that no world may break: own names once each, guards, the source untouched, quarantine, no public clone."""
    moment = Latest() if is_latest else At(instant=MOMENT)
    made = fix_worlds.plan(
        request=fix_worlds.pitr_request(moment=moment, is_read_only=is_read_only, suffix=suffix), seen=world
    )
    changes = [step for step in made.steps if not step.action.kind.startswith(("await", "validate"))]
    stamp = stamp_of(made)
    calls = [call for step in changes if (call := call_of(change_of(step.action), stamp, REGION))]
    assert len(calls) == len(changes)
    sources = {
        SOURCE,
        "embi-aurora-params",
        "default.aurora-postgresql16",
        *(each.identifier for each in world.instances),
    }
    created: list[str] = []
    for step, call in zip(changes, calls, strict=True):
        names = names_touched(call)
        assert names
        assert not sources.intersection(names)
        asked = {"ours"} if isinstance(step.action, _SETTINGS) else {"ours-or-absent"}
        asked |= {"ours", "sets", "old-enough", "as-planned"} if isinstance(step.action, CreateInstance) else set()
        asked |= {"ours", "sets"} if isinstance(step.action, RestoreToMoment) else set()
        asked |= {"sets"} if isinstance(step.action, CopyParameterGroup) else set()
        asked |= {"ours"} if isinstance(step.action, CreateEndpoint) else set()
        asked |= {"as-planned"} if isinstance(step.action, RestoreToMoment) and not step.action.resource_id else set()
        assert {guard.kind for guard in step.guards} == asked | {"not-the-source"}
        assert sources.intersection(_untouchable(step)) >= {SOURCE}
        assert all(is_identifier(name) for name in names)
        if call.operation.startswith(("Create", "Copy", "Restore")):
            created.append(names[0])
            assert {"Key": "daybreak:run", "Value": made.run} in call.params["Tags"]
            assert not any(tag["Key"].startswith("aws:") for tag in call.params["Tags"])
            assert step.undo
        assert call.params.get("PubliclyAccessible", False) is False
    assert len(created) == len(set(created))
    seen_steps: set[str] = set()
    for step in made.steps:
        assert seen_steps.issuperset((*step.after, *step.after_settled))
        seen_steps.add(step.id)
    order = [type(step.action) for step in made.steps]
    assert order.index(SetParameters) < order.index(RestoreToMoment) < order.index(CreateInstance)
    assert order[-2:] == [Validate, AnchorJournal]
    assert order.count(CopyParameterGroup) + order.count(CreateParameterGroup) == 1
    restore = next(step.action for step in made.steps if isinstance(step.action, RestoreToMoment))
    assert restore.parameter_group in created
    assert made.estimate.low <= made.estimate.high


_SETTINGS = (AnchorJournal, ManagePassword, SetParameters, SetClusterOptions)


def _untouchable(step: Step) -> set[str]:
    return {name for guard in step.guards if isinstance(guard, NotTheSource) for name in guard.names}
