"""A walk through the rows of a real physical copy, with its living source beside it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from daybreak.lab.volumes.volume import Volume
from daybreak.model.actions import Validate
from daybreak.model.findings import Finding, Measured
from daybreak.model.moment import At
from daybreak.model.trust import Trust
from daybreak.postgres.login import Login
from daybreak.validate import rows
from daybreak.validate.visit import Subject, Visit
from tests.fix_worlds import cluster
from tests.lab.volumes.fix_volumes import OWNER
from tests.validate.test_witnessing import birth_of, reach


def walk(source: Volume, clone: Volume, moment: datetime, /, **more: Any) -> tuple[dict[str, Finding], Measured]:
    """The findings of the chapter of rows, and what was measured.

    ``more`` may change the subject; ``tables`` and ``thoroughness`` change its action.
    """
    assert clone.listen is not None
    seen = cluster(endpoint=clone.listen.host, port=clone.listen.port, created=moment, tags={"daybreak:run": "r"})
    action = Validate(
        clone=seen.identifier,
        source="s",
        source_seen=None,
        instances_seen=(),
        moment=At(instant=moment),
        database="embi",
        login=None,
        quarantine={},
        tables=more.pop("tables", {}),
        checks=(),
    )
    if "thoroughness" in more:
        action = action.model_copy(update={"thoroughness": more.pop("thoroughness")})
    known: dict[str, Any] = {
        "instances": (),
        "login": Login(OWNER.username, OWNER.password),
        "trust": Trust(tls="verify-full", tls_ca=str(clone.listen.authority.certificate)),
        "source": reach(source),
        "birth": more["birth"] if "birth" in more else birth_of(clone),
    }
    visit = Visit(Subject(action=action, clone=seen, moment=moment, **(known | more)), lambda _step: None)
    return {each.check: each for each in rows.findings(visit)}, visit.measured
