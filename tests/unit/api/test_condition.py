"""What an operator is told of a running service: metrics, logs, and warnings before a certificate or key ends."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.cli.opened import configuration
from api.http.logs import configure_logs
from api.settings import InsecureSettingsWarning, load_settings
from provenance.credentials.certificates import issue_claim_certificate, make_development_authority
from registry.bootstrap import open_registry
from registry.keys import api_keys
from registry.keys.key_files import write_certified
from registry.registry import Registry
from registry.times import utc_now
from registry.usecases.condition import warn_of_endings


@contextmanager
def opened(folder: Path) -> Iterator[Registry]:
    with pytest.warns(InsecureSettingsWarning):
        settings = load_settings(environment="development", folder=folder, workers=1, timestamp_url="")
    registry = open_registry(configuration(settings))
    try:
        yield registry
    finally:
        registry.close()


def certified_by_another(folder: Path, days: int) -> datetime:
    """Replace the claim key's certificate by another authority's; when it ends."""
    with opened(folder) as registry:
        passphrase = registry.config.passphrase
    now = utc_now()
    issued = issue_claim_certificate(make_development_authority(now, "Another authority"), "Desk", now, days=days)
    write_certified(folder / "keys", folder / "keys/claim.pem", passphrase, issued)
    return now + timedelta(days=days)


def answers_of(registry: Registry) -> tuple[dict[str, Any], str]:
    """What `/readyz` and `/metrics` say."""
    with pytest.warns(InsecureSettingsWarning):
        settings = load_settings(environment="development", folder=registry.config.folder)
    key = api_keys.mint(registry.store, name="watch", scopes=[api_keys.METRICS_READ], now=registry.now())
    with TestClient(create_app(settings, registry)) as client:
        ready = client.get("/readyz")
        assert ready.status_code == 200, ready.text
        metrics = client.get("/metrics", headers={"Authorization": f"Bearer {key}"})
        assert metrics.status_code == 200, metrics.text
    return ready.json(), metrics.text


def metric(text: str, name: str) -> float:
    found = re.search(rf"^countermark_{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found is not None, f"{name} in\n{text}"
    return float(found[1])


def test_a_certificate_that_ends_in_29_days_is_warned_of_in_readyz_metric_and_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ends = certified_by_another(tmp_path / "data", days=29)
    with opened(tmp_path / "data") as registry:
        ready, metrics = answers_of(registry)
        (ending,) = ready["ending"]
        assert ending["what"] == "claim_certificate"
        told = datetime.fromisoformat(ending["ends_at"])
        assert abs(told - ends) < timedelta(days=1)
        moment = metric(metrics, 'ends_timestamp_seconds{what="claim_certificate"}')
        assert abs(moment - told.timestamp()) <= 1
        caplog.clear()
        warned: set[Any] = set()
        with caplog.at_level(logging.WARNING):
            warn_of_endings(registry, warned)
            warn_of_endings(registry, warned)
        assert [record.getMessage().split(" ends at ")[0] for record in caplog.records] == [
            "the claim certificate CN=Desk,O=Countermark development authority (not trusted by anyone)"
        ]


def test_a_certificate_that_ends_in_31_days_is_not_warned_of(tmp_path: Path) -> None:
    certified_by_another(tmp_path / "data", days=32)
    with opened(tmp_path / "data") as registry:
        ready, metrics = answers_of(registry)
        assert ready["ending"] == []
        assert metric(metrics, 'ends_timestamp_seconds{what="claim_certificate"}') > registry.clock().timestamp()


def test_an_api_key_is_warned_of_without_saying_which_to_strangers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path / "data") as registry:
        now = registry.now()
        for days in (20, 90):
            api_keys.mint(
                registry.store,
                name=f"desk {days}",
                scopes=[api_keys.ASSETS_WRITE],
                now=now,
                expires_at=now + timedelta(days=days),
            )
        gone = api_keys.mint(
            registry.store, name="gone", scopes=[api_keys.ADMIN], now=now, expires_at=now + timedelta(days=1)
        )
        api_keys.revoke(registry.store, api_keys.of_token(registry.store, gone).id, now)
        ready, metrics = answers_of(registry)
        (ending,) = ready["ending"]
        assert ending.keys() == {"what", "ends_at"}
        assert ending["what"] == "api_key"
        assert metric(metrics, 'ends_timestamp_seconds{what="api_key"}') == (now + timedelta(days=20)).timestamp()
        with caplog.at_level(logging.WARNING):
            warn_of_endings(registry, set())
        keys = {each.name: each.id for each in api_keys.listed(registry.store)}
        assert keys["desk 20"] in caplog.text
        assert keys["desk 90"] not in caplog.text


def test_metrics_tell_of_queue_workers_log_and_index(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as registry:
        assert registry.sandbox.wait_until_ready()
        ready, metrics = answers_of(registry)
        assert ready["to_compare"] == 0
        assert metric(metrics, "log_entries") == 2
        assert metric(metrics, "log_checkpoint_age_seconds") >= 0
        assert metric(metrics, "registrations") == 0
        assert metric(metrics, "sandbox_workers") == 1
        assert metric(metrics, "sandbox_waiting") == 0
        assert metric(metrics, "working") == 0
        assert metric(metrics, 'sandbox_workers_lost_total{reason="crashed"}') == 0
        assert metric(metrics, 'index_registrations{index="local_features"}') == 0
        assert metric(metrics, 'index_registrations{index="resemblances"}') == 0
        assert "countermark_log_witness_lag_seconds " not in metrics  # no witnesses are configured


@pytest.mark.parametrize("form", ["json", "text"])
def test_logs_are_json_lines_or_text_by_a_setting(form: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", form)
    logging.getLogger("a.test").warning("what happened")
    (line,) = capsys.readouterr().err.splitlines()
    if form == "json":
        said = json.loads(line)
        assert (said["event"], said["level"], said["logger"]) == ("what happened", "warning", "a.test")
    else:
        assert not line.startswith("{")
        assert "what happened" in line
