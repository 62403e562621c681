"""The real AWS command line client, asked what it would send: it parses and builds, and is stopped before it sends."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from daybreak.model.plan import AwsCall

Understand = Callable[[str], tuple[AwsCall, str]]
"""Shell text in; the call the client would make of it and the endpoint it would go to, out."""


def words_of(shell: str) -> list[str]:
    """What bash hands to the program ``aws`` when it runs ``shell``."""
    script = f"aws() {{ printf '%s\\0' \"$@\"; }}\n{shell}"
    run = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    assert run.stderr == ""
    return run.stdout.split("\0")[:-1]


@pytest.fixture(scope="session")
def _client() -> Iterator[tuple[Any, list[tuple[AwsCall, str]]]]:
    environment = pytest.MonkeyPatch()
    environment.setenv("AWS_ACCESS_KEY_ID", "nobody")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment.setenv("AWS_CONFIG_FILE", "/dev/null")
    from awscli.clidriver import create_clidriver  # type: ignore[import-untyped]  # the client has no types

    seen: list[tuple[AwsCall, str]] = []
    driver = create_clidriver()

    def note(params: dict[str, Any], model: Any, context: dict[str, Any], **_rest: Any) -> None:
        service = model.service_model.service_name
        seen.append(
            (AwsCall(service=service, operation=model.name, params=params, region=context["client_region"]), "")
        )

    def stop(params: dict[str, Any], **_rest: Any) -> tuple[Any, dict[str, Any]]:
        call, _ = seen.pop()
        seen.append((call, params["url"]))
        return SimpleNamespace(status_code=200), {}

    driver.session.register("before-parameter-build", note)
    driver.session.register("before-call", stop)
    yield driver, seen
    environment.undo()


@pytest.fixture
def understood(_client: tuple[Any, list[tuple[AwsCall, str]]], capfd: pytest.CaptureFixture[str]) -> Understand:
    """``understood(text)``: the AWS call that the real client builds from a printed command, through a real shell."""
    driver, seen = _client

    def understand(shell: str) -> tuple[AwsCall, str]:
        seen.clear()
        code = driver.main(words_of(shell))
        assert code == 0, capfd.readouterr().err
        assert len(seen) == 1
        return seen[0]

    return understand
