"""An AWS call as the ``aws`` command line that does the same by hand; the inverse of the client's own argument parser.

The law: when the real client parses what we print, it gets exactly the parameters of the call. Where the client could read a
short spelling differently (a comma in a tag, a value like a file name), we print the long one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from daybreak.model.plan import AwsCall

_PLURAL_ACRONYM = re.compile(r"[A-Z]{2,}s$")
_WORD_START = re.compile(r"(.)([A-Z][a-z]+)")
_CASE_CHANGE = re.compile(r"([a-z0-9])([A-Z])")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:+@-]*|<[a-z][a-z ]*>")
"""Values that the client reads back unquoted; the second form is a value that is drawn later."""
_WIDTH = 100
_LOADED = ("file://", "fileb://", "http://", "https://")
"""Beginnings of values that the client replaces by the content of a file or URL."""


def option_name(name: str) -> str:
    """The command or option that the client makes of a name in AWS's model.

    >>> option_name("RestoreDBClusterToPointInTime"), option_name("VpcSecurityGroupIds"), option_name("DBInstanceARNs")
    ('restore-db-cluster-to-point-in-time', 'vpc-security-group-ids', 'db-instance-arns')
    """
    if plural := _PLURAL_ACRONYM.search(name):
        name = f"{name[: plural.start()]}-{plural.group().lower()}"
    return _CASE_CHANGE.sub(r"\1-\2", _WORD_START.sub(r"\1-\2", name)).lower()


def arguments(call: AwsCall, *, endpoint: str | None = None) -> list[list[str]]:
    """The words of the command line: first the command, then each option with its values."""
    words = [["aws", call.service, option_name(call.operation)], ["--region", call.region]]
    if endpoint:
        words.append(["--endpoint-url", endpoint])
    if any(isinstance(value, str) and value.startswith(_LOADED) for value in call.params.values()):
        return [*words, ["--cli-input-json", _json(call.params)]]
    return words + [_option(name, value) for name, value in call.params.items()]


def command_line(call: AwsCall, *, endpoint: str | None = None, query: str | None = None) -> str:
    r"""The call as one command, one option on each line, quoted for a POSIX shell. ``query`` prints one value as text.

    >>> look = AwsCall(service="rds", operation="DescribeDBClusters", params={"DBClusterIdentifier": "a"}, region="us-east-1")
    >>> print(command_line(look, query="DBClusters[0].Endpoint"))
    aws rds describe-db-clusters \
      --region us-east-1 \
      --db-cluster-identifier a \
      --query 'DBClusters[0].Endpoint' --output text
    """
    words = arguments(call, endpoint=endpoint)
    if query:
        words.append(["--query", query, "--output", "text"])
    return " \\\n  ".join(map(_part, words))


def quote(word: str) -> str:
    r"""``word`` quoted for bash. Characters that a terminal could act on are escaped, and bash turns them back.

    >>> print(quote("plain"), quote("it's"), quote("\x1b[2J"))
    plain 'it'"'"'s' $'\x1b[2J'
    """
    return shlex.quote(word) if word.isprintable() else "$'" + "".join(map(_spell, word)) + "'"


def _spell(character: str) -> str:
    if character in "'\\":
        return "\\" + character
    if character.isprintable():
        return character
    # These stand for bytes of a command line that were not text.
    is_byte = "\udc80" <= character <= "\udcff"
    return "".join(
        f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")
    )


def _part(words: list[str]) -> str:
    """An option with its values; many long values stand on a line each."""
    line = " ".join(map(quote, words))
    if len(line) <= _WIDTH or len(words) <= 2:  # an option and its one value
        return line
    return " \\\n    ".join(map(quote, words))


def _option(name: str, value: Any) -> list[str]:
    option = option_name(name)
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    if isinstance(value, str):
        # The client would take a value with a leading dash for the next option.
        return [f"--{option}={value}"] if value.startswith("-") else [f"--{option}", value]
    if isinstance(value, int | float):
        return [f"--{option}={value}"] if value < 0 else [f"--{option}", str(value)]
    return [f"--{option}", *_values(value)]


def _values(value: Any) -> list[str]:
    if isinstance(value, list | tuple) and value:
        if all(isinstance(item, str) and _is_plain(item) for item in value):
            return list(value)
        if all(isinstance(item, Mapping) and _is_shorthand(item) for item in value):
            return [_shorthand(item) for item in value]
    return [_json(value)]


def _is_plain(text: str) -> bool:
    return _PLAIN_WORD.fullmatch(text) is not None and not text.startswith(_LOADED)


def _is_shorthand(item: Mapping[str, Any]) -> bool:
    """Whether a structure is a short list of plain words, as most tags and parameters are."""
    return bool(item) and all(isinstance(value, str) and _is_plain(value) for value in item.values())


def _shorthand(item: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in item.items())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
