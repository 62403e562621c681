"""Values of parameters, compared as PostgreSQL reads them."""

from __future__ import annotations


def same_setting(one: str | None, other: str | None) -> bool:
    """Whether two spellings of a parameter's value mean the same: AWS writes ``1`` where PostgreSQL writes ``on``.

    >>> same_setting("1", "on"), same_setting("0", "1"), same_setting(None, "0")
    (True, False, False)
    """
    return _plain(one) == _plain(other)


def _plain(value: str | None) -> str | None:
    return {"on": "1", "true": "1", "off": "0", "false": "0"}.get(value.lower(), value) if value is not None else None
