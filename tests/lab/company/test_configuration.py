"""The company's daybreak.toml: what a restore of the lab is measured by must be read as it is meant."""

from __future__ import annotations

from pathlib import Path

from daybreak.config.layers import load
from daybreak.lab.company.configuration import configuration


def test_the_companys_configuration_says_how_to_judge_a_clone(tmp_path: Path) -> None:
    """Whatever it left out would be unknown in every verdict on the lab."""
    (tmp_path / "daybreak.toml").write_text(configuration("http://127.0.0.1:4577", Path("/lab/tls/ca.pem")))
    target = load(environ={}, folder=tmp_path).targets["embi"]
    assert target.application is not None
    assert target.application.login == "secretsmanager:embi/app"
    assert target.tls_ca == "/lab/tls/ca.pem"
    assert target.tables["public.currencies"].is_static
    assert target.health[0].url == "http://127.0.0.1:4577/_lab/health/{host}:{port}"
    assert target.waivers == (), "nothing is done without"
