"""The public surface: what is exported, and that both clients offer the same."""

import asyncio
import collections.abc
import inspect
import json
import subprocess
import sys
import threading
import tomllib
import typing
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import countermark
import pytest
from countermark import AsyncClient, Claims, Client, Digests, InvalidRequest, Parent, Report, UnexpectedAnswer

import provenance
from api.http.requests import AssetMetadata, AssetRequest, LookupsRequest
from provenance import claims as core
from tests import replies
from tests.patience import EXPIRING_SECONDS, eventually
from tests.replies import says
from tests.unit.client import story
from tests.unit.client.conftest import Ask
from tests.unit.client.story import PICTURE, PICTURE_SHA256, RECORD

ROOT = Path(__file__).parents[3]


def surface(client: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in vars(client).items()
        if callable(member) and (name == "__init__" or not name.startswith("_"))
    }


def test_both_clients_have_the_same_methods_with_the_same_arguments_and_answers() -> None:
    blocking, asynchronous = surface(Client), surface(AsyncClient)
    assert list(blocking) == list(asynchronous)
    for name, signature in blocking.items():
        assert (
            str(signature).replace("httpx2.Client", "httpx2.AsyncClient").partition(" ->")[0]
            == (str(asynchronous[name]).partition(" ->")[0])
        ), name
        answers = {signature.return_annotation, asynchronous[name].return_annotation}
        expected: set[object] = (
            {collections.abc.Iterator[countermark.Asset], collections.abc.AsyncIterator[countermark.Asset]}
            if name == "assets"
            else {signature.return_annotation}
        )
        assert answers == expected, name


def test_every_method_is_documented() -> None:
    for client in (Client, AsyncClient):
        assert [name for name, member in vars(client).items() if name in surface(client) and not member.__doc__] == [
            "__init__"
        ]


def test_all_that_is_exported_is_there_and_nothing_else_is_meant() -> None:
    assert countermark.__all__ == sorted(countermark.__all__, key=lambda name: (name[0].islower(), name))
    for name in countermark.__all__:
        assert getattr(countermark, name).__module__.partition(".")[0] in ("countermark", "provenance")
    with pytest.raises(AttributeError):
        _ = countermark.Clinet  # type: ignore[attr-defined]  # that is the point


def test_the_version_is_that_of_both_distributions_and_stands_in_one_place() -> None:
    assert countermark.__version__ == provenance.__version__
    for folder in (ROOT, ROOT / "clients" / "python"):
        described = tomllib.loads((folder / "pyproject.toml").read_text())
        assert described["project"]["dynamic"] == ["version"]
        stated = folder / described["tool"]["hatch"]["version"]["path"]
        assert stated.resolve() == Path(provenance.__file__)


def test_checking_a_receipt_loads_neither_http_nor_pictures() -> None:
    program = (
        "import sys, countermark.cli; "
        "print([name for name in ('httpx2', 'pydantic', 'cv2', 'c2pa', 'numpy', 'PIL') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout == "[]\n"


# Registering ------------------------------------------------------------------------------------


def test_a_registration_uploads_the_picture_and_then_names_it(ask: Ask, service: story.Service) -> None:
    service.will(story.uploaded(), story.registered())
    asset = ask("register", PICTURE, title="Path", credential="sidecar", options={"api_key": "cmk_a_b"})
    upload, registration = service.asked
    assert (upload.method, upload.path, upload.body) == ("PUT", f"/v1/media/{PICTURE_SHA256}", PICTURE)
    assert (registration.method, registration.path) == ("POST", "/v1/assets")
    assert json.loads(registration.body) == {
        "media": PICTURE_SHA256,
        "metadata": {"title": "Path", "credential": "sidecar"},
    }
    assert asset.created
    assert asset.receipt == {"format": "countermark-receipt"}


def test_the_status_tells_a_new_registration_from_one_that_was_there(ask: Ask, service: story.Service) -> None:
    service.will(story.uploaded(), story.registered(200, created=True))
    assert not ask("register", PICTURE).created


def test_the_claims_are_those_of_the_service() -> None:
    stated = {each.name for each in fields(core.Claims)}
    assert Claims.__annotations__.keys() == AssetMetadata.model_fields.keys() == stated | {"publisher"}


def test_every_claim_arrives_as_the_service_reads_it(ask: Ask, service: story.Service) -> None:
    service.will(story.uploaded(), story.registered())
    claims: dict[str, Any] = {
        "title": "Path",
        "caption": "Two lines\nof it",
        "byline": "A. Berasategi",
        "credit": "A. Berasategi",
        "rights": "© 2026 A. Berasategi",
        "licence": "CC BY 4.0",
        "digital_source_type": "digitalCapture",
        "captured_at": datetime(2026, 5, 4, 11, 30, tzinfo=timezone(timedelta(hours=2))),
        "credential": "none",
        "parents": [Parent(record=RECORD, relation="parentOf")],
        "rendition_of": RECORD,
        "visibility": "sealed",
        "publish_metadata": True,
        "created": True,
        "metadata_from_file": True,
        "publisher": "daily",
    }
    ask("register", PICTURE, **claims)
    request = AssetRequest.model_validate_json(service.asked[1].body)
    assert request.metadata.captured_at == datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
    assert request.metadata.parents[0].record == RECORD
    assert request.metadata.model_dump(exclude={"captured_at", "parents"}) == {
        name: value for name, value in claims.items() if name not in ("captured_at", "parents")
    }


@pytest.mark.parametrize(
    "time",
    [datetime(2026, 5, 4, 9, 30), datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))],  # noqa: DTZ001
)
def test_a_time_that_means_no_moment_is_refused_before_anything_is_sent(
    ask: Ask, service: story.Service, time: datetime
) -> None:
    with pytest.raises(InvalidRequest, match="captured_at"):
        ask("register", PICTURE, captured_at=time)
    assert service.asked == []


def test_an_unknown_claim_is_a_programming_error(ask: Ask, service: story.Service) -> None:
    with pytest.raises(TypeError, match="titel"):
        ask("register", PICTURE, titel="Path")
    assert service.asked == []


# Other calls ------------------------------------------------------------------------------------


def test_digests_alone_are_verified_without_the_picture(ask: Ask, service: story.Service) -> None:
    service.will(says(story.report()))
    ask("verify_digests", PICTURE_SHA256, pdq=("ab" * 32, 90))
    assert json.loads(service.asked[0].body) == {
        "sha256": PICTURE_SHA256,
        "pdq": {"value": "ab" * 32, "quality": 90},
    }


def found(*sha256: str) -> dict[str, object]:
    return {"items": [{"sha256": each, "matches": [], "more": False} for each in sha256], "checkpoint": "note"}


def test_many_files_are_looked_up_by_their_digests(ask: Ask, service: story.Service) -> None:
    service.will(says(found("ab" * 32, PICTURE_SHA256)))
    digests = Digests(PICTURE_SHA256, pixels_sha256="cd" * 32, pdq=("ef" * 32, 90), phash="01" * 8)
    assert [each.sha256 for each in ask("lookup", ["ab" * 32, digests]).items] == ["ab" * 32, PICTURE_SHA256]
    assert json.loads(service.asked[0].body) == {
        "items": [
            {"sha256": "ab" * 32},
            {
                "sha256": PICTURE_SHA256,
                "pixels_sha256": "cd" * 32,
                "pdq": {"value": "ef" * 32, "quality": 90},
                "phash": "01" * 8,
            },
        ]
    }
    LookupsRequest.model_validate_json(service.asked[0].body)


@pytest.mark.parametrize("answered", [(), ("ab" * 32, "cd" * 32), ("cd" * 32,)], ids=str)
def test_an_answer_about_other_files_is_refused(ask: Ask, service: story.Service, answered: tuple[str, ...]) -> None:
    service.will(says(found(*answered)))
    with pytest.raises(UnexpectedAnswer, match="other files"):
        ask("lookup", ["ab" * 32])


@pytest.mark.parametrize("number", [0, 1_001])
def test_a_lookup_is_of_one_to_a_thousand_files(ask: Ask, service: story.Service, number: int) -> None:
    with pytest.raises(InvalidRequest, match="1 to 1,000"):
        ask("lookup", ["ab" * 32] * number)
    assert service.asked == []


def test_the_report_on_digests_is_kept_where_that_is_asked_for(ask: Ask, service: story.Service) -> None:
    service.will(says(story.report()))
    ask("verify_digests", PICTURE_SHA256, keep=True)
    assert service.asked[0].path == "/v1/verifications?keep=true"


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({}, ""),
        ({"full_detail": True}, "?detail=full"),
        ({"keep": True}, "?keep=true"),
        ({"full_detail": True, "keep": True}, "?detail=full&keep=true"),
    ],
)
def test_full_detail_is_asked_for_in_the_query(
    ask: Ask, service: story.Service, asked: dict[str, bool], path: str
) -> None:
    service.will(says(story.report()))
    ask("verify", PICTURE, **asked)
    assert service.asked[0].path == f"/v1/verifications{path}"


def test_a_report_has_no_truth_value(ask: Ask, service: story.Service) -> None:
    service.will(says(story.report()))
    report: Report = ask("verify", PICTURE)
    with pytest.raises(TypeError, match="axes"):
        bool(report)
    assert [axis for axis, _ in report.axes.items()] == list(story.report()["axes"])


def test_a_list_is_read_page_by_page(service: story.Service) -> None:
    first = {"items": [story.asset(index=2), story.asset(index=1)], "next_cursor": "b"}
    second = {"items": [story.asset(index=0)], "next_cursor": None}

    async def collect() -> list[int]:
        async with AsyncClient(service.url) as client:
            return [asset.index async for asset in client.assets(publisher="daily")]

    service.will(says(first), says(second))
    assert asyncio.run(collect()) == [2, 1, 0]
    service.will(says(first), says(second))
    with Client(service.url) as client:
        assert [asset.index for asset in client.assets(publisher="daily")] == [2, 1, 0]
    paths = ["/v1/assets?publisher=daily&limit=100", "/v1/assets?publisher=daily&cursor=b&limit=100"]
    assert [asked.path for asked in service.asked] == paths * 2


def test_a_list_that_does_not_end_is_unexpected(service: story.Service) -> None:
    service.will(says({"items": [story.asset()], "next_cursor": "b"}))
    with Client(service.url) as client, pytest.raises(UnexpectedAnswer, match="repeats a page"):
        list(client.assets())
    service.will(says({"items": [], "next_cursor": "b"}))
    with Client(service.url) as client, pytest.raises(UnexpectedAnswer, match="repeats a page"):
        list(client.assets())


@pytest.mark.timing
def test_other_timeouts_share_the_connections_and_leaves_the_client_as_it_was(service: story.Service) -> None:
    released = threading.Event()
    service.will(replies.waits_for(released))
    with Client(service.url, max_retries=0) as client:
        with pytest.raises(countermark.ServiceUnreachable):
            client.with_options(timeout=EXPIRING_SECONDS).ready()
        released.set()
        client.ready()
        with pytest.raises(InvalidRequest):
            client.with_options(timeout=-1)
        eventually(lambda: len(service.asked) == 2)


def test_a_closed_client_says_so(service: story.Service) -> None:
    client = Client(service.url)
    client.close()
    with pytest.raises(InvalidRequest, match="closed"):
        client.ready()


def test_the_api_key_is_in_no_description_of_a_client() -> None:
    with Client(api_key="cmk_prefix_secret") as client:
        assert "secret" not in repr(client) + str(vars(client))


def test_register_is_typed_by_its_claims() -> None:
    hints = typing.get_type_hints(Client.register)
    assert hints["claims"] == typing.Unpack[Claims]
