"""The accident as a person typed it: an exact time, up to which the loss counts."""

from __future__ import annotations

from daybreak.app.app import App
from daybreak.errors import Refused
from daybreak.model.moment import At, Latest


def accident_typed(app: App, words: str | None, region: str | None = None) -> At | None:
    """The accident as a person typed it; raises ``Refused`` for what is no exact time."""
    if words is None:
        return None
    moment = app.moment(words, region)
    if isinstance(moment, Latest):
        raise Refused('"latest" is not a time for --accident', "leave --accident out to count the loss up to now")
    return moment
