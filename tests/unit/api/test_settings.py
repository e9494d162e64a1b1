import re
import warnings
from pathlib import Path

import pytest

from api.settings import InsecureSettingsWarning, Settings, load_settings, parse_rate
from provenance.errors import SettingsInvalid

GOOD = {"key_passphrase": "k" * 24, "public_url": "https://registry.example"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENVIRONMENT", "KEY_PASSPHRASE", "PUBLIC_URL", "HOST", "CORS_ORIGINS"):
        monkeypatch.delenv(f"COUNTERMARK_{name}", raising=False)


INSECURE = [
    ({"key_passphrase": ""}, "PASSPHRASE is not set"),
    ({"key_passphrase": "short"}, "fewer than 20"),
    ({"public_url": "http://registry.example"}, "plain http"),
    ({"cors_origins": "*"}, "wildcard"),
    ({"cors_origins": "https://*.example"}, "wildcard"),
    ({"cors_origins": "http://reader.example"}, "plain http origin"),
    ({"trusted_proxies": "*"}, "TRUSTED_PROXIES"),
]


@pytest.mark.parametrize(("setting", "named"), INSECURE)
def test_production_refuses_what_is_insecure(setting: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsInvalid, match=named):
        load_settings(**(GOOD | setting))


@pytest.mark.parametrize(("setting", "named"), INSECURE)
def test_development_warns_of_what_is_insecure(setting: dict[str, str], named: str) -> None:
    with pytest.warns(InsecureSettingsWarning, match=named):
        load_settings(**(GOOD | setting), environment="development")


def test_secure_settings_start_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_settings(**GOOD, host="0.0.0.0").environment == "production"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "registry.example"])
def test_development_never_listens_off_loopback(host: str) -> None:
    with pytest.raises(SettingsInvalid, match="loopback"):
        load_settings(**GOOD, environment="development", host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_development_listens_on_loopback(host: str) -> None:
    assert load_settings(**GOOD, environment="development", host=host).host == host


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERMARK_KEY_PASSPHRASE", "p" * 30)
    monkeypatch.setenv("COUNTERMARK_PUBLIC_URL", "https://registry.example/")
    monkeypatch.setenv("COUNTERMARK_FOLDER", "/srv/countermark")
    monkeypatch.setenv("COUNTERMARK_CORS_ORIGINS", "https://a.example, https://b.example")
    settings = load_settings()
    assert settings.public_url == "https://registry.example"
    assert settings.log_origin == "registry.example/log"
    assert settings.folder == Path("/srv/countermark")
    assert settings.cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    "setting",
    [
        {"public_url": "ftp://registry.example"},
        {"public_url": "https://user:pass@registry.example"},
        {"public_url": "https://registry.example:99999"},
        {"public_url": "nonsense"},
        {"origin": "a b"},
        {"origin": "a+b"},
        {"workers": 0},
        {"read_rate": "many"},
        {"read_rate": "0/minute"},
        {"environment": "test"},
        {"max_media_bytes": 1 << 40},
    ],
)
def test_contradictions_are_refused_by_name(setting: dict[str, object]) -> None:
    with pytest.raises(SettingsInvalid, match=f"COUNTERMARK_{next(iter(setting)).upper()}"):
        load_settings(**(GOOD | setting))


def test_a_refusal_never_repeats_the_passphrase() -> None:
    with pytest.raises(SettingsInvalid) as refusal:
        load_settings(key_passphrase="hunter2hunter2", public_url="nonsense")
    assert "hunter2" not in str(refusal.value)
    assert "hunter2" not in repr(load_settings(**GOOD | {"key_passphrase": "hunter2" * 4}))


@pytest.mark.parametrize(
    ("text", "rate"),
    [("60/minute", (60, 60)), ("5/10 seconds", (5, 10)), ("1/day", (1, 86400)), ("2/2hours", (2, 7200))],
)
def test_rates_read_as_they_are_written(text: str, rate: tuple[int, int]) -> None:
    assert parse_rate(text) == rate


def test_the_page_on_operating_has_every_setting_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operating.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`COUNTERMARK_([A-Z_]+)`", page))
    assert named == {name.upper() for name in Settings.model_fields}
