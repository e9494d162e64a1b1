"""The `countermark` command: what it prints, where, and how it ends."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests import replies
from tests.patience import HUNG_SECONDS, eventually
from tests.receipt_vectors import CASES, RECEIPT, REGISTERED, receipt_of
from tests.replies import refuses, says
from tests.unit.client import story
from tests.unit.client.audited import registry
from tests.unit.client.commands import COMMAND, Run, fits, on_a_terminal
from tests.unit.client.story import PICTURE, PICTURE_SHA256, RECORD

ROCKET = Path(__file__).parents[3] / "demo" / "photos" / "rocket.jpg"
TEXTS = {
    "register": {"title", "caption", "byline", "credit", "rights", "licence"},
    "watch": {"byline", "credit", "rights", "licence"},
    "key enrol": {"reason"},
}
"""Options that take any words."""

HOSTILE = "A title\x1b]0;owned\x07\x9b2J\u202egpj.exe\n\rmatch 2  forged [bold]markup[/bold] :smile:"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "picture.jpg"
    file.write_bytes(PICTURE)
    return file


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    file = tmp_path / "picture.countermark"
    file.write_bytes(RECEIPT)
    return file


# How it is called -------------------------------------------------------------------------------


def test_it_is_a_program_and_a_module(environment: dict[str, str]) -> None:
    done = subprocess.run([*COMMAND, "--version"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "countermark 0.1.0\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["nonsense"],
        ["verify"],
        ["register"],
        ["register", "a.jpg", "--credential", "maybe"],
        ["register", "a.jpg", "b.jpg", "--title", "One"],
        ["register", "a/x.jpg", "b/x.jpg", "--out", "kept"],
        ["verify", "a.jpg", "b.jpg", "--json"],
        ["verify", "a.jpg", "--json", "--jsonl"],
        ["verify", "a.jpg", "--url", "registry.example"],
        ["verify", "sha256:abc"],
        ["verify", ".", "--json"],
        ["verify", ".", "-"],
        ["verify", ".", f"sha256:{'ab' * 32}"],
        ["receipt", "verify"],
        ["receipt", "get", "not-a-record"],
    ],
)
def test_usage_errors_exit_with_2_and_print_nothing_to_standard_output(
    run: Run, service: story.Service, arguments: list[str]
) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert fits(done.stderr)
    assert service.asked == []


def test_every_help_page_fits(run: Run) -> None:
    for arguments in ([], ["register"], ["verify"], ["receipt"], ["receipt", "verify"], ["receipt", "get"]):
        done = run(*arguments, "--help")
        assert done.returncode == 0
        assert fits(done.stdout)


def test_completion_can_be_had(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # Which shell this is would be looked for among the parents of the process, which a test run has too many of.
    monkeypatch.setattr("shellingham.detect_shell", lambda *_, **__: ("bash", "/bin/bash"))
    assert "_COUNTERMARK_COMPLETE" in run("--show-completion", "bash").stdout


# verify -----------------------------------------------------------------------------------------


def test_a_report_is_for_people_and_fits(run: Run, service: story.Service, picture: Path) -> None:
    service.will(says(story.report()))
    done = run("verify", picture, "--verbose")
    assert (done.returncode, done.stderr) == (0, "")
    assert fits(done.stdout)
    for text in ("picture.jpg", "EXACT_MATCH", RECORD, "The Daily (operator-attested)", "current", "Does not show:"):
        assert text in done.stdout
    assert "left 25%, top 50%, right 75%, bottom 100% (20.0% of the picture; seen with sketch)" in " ".join(
        done.stdout.split()
    )


LONG = "A title of a hundred letters and more, which has what an editor would write below the picture, and then some."


@pytest.mark.parametrize("title", ["Path", LONG, f"{LONG} " * 20])
def test_one_picture_has_twelve_lines_at_most_and_the_last_is_the_reports_address(
    run: Run, service: story.Service, picture: Path, title: str
) -> None:
    told = story.report(title=title)
    standing = {"value": "withdrawn", "detail": "It was withdrawn."}
    told["matches"] = [told["matches"][0] | {"standing": told["matches"][0]["standing"] | standing}] * 3
    told["headline"] = {"code": "EXACT_MATCH", "text": f"These bytes are record 7. {title}"}
    told["not_checked"] = [{"what": "assessment", "why": "switched off"}] * 5
    service.will(says(told))
    lines = run("verify", picture).stdout.splitlines()
    assert len(lines) <= 12
    assert all(len(line) <= 80 for line in lines)
    assert lines[0] == "picture.jpg"
    assert lines[-1] == f"report: {service.url}/verify?report={story.VERIFICATION}"
    shown = "\n".join(lines)
    for text in (
        "registration  EXACT_MATCH",
        "proof ",
        "origin ",
        f"record        {RECORD}",
        "standing      withdrawn",
    ):
        assert text in shown
    assert "3 matches, 5 not checked, more: --verbose" in shown


def test_several_pictures_have_a_line_each_and_totals(
    run: Run, service: story.Service, picture: Path, tmp_path: Path
) -> None:
    service.will(
        says(story.report()),
        says(story.report("MATCH_WITH_DIFFERENCES")),
        says(story.report("NO_MATCH_FOUND") | {"matches": []}),
    )
    other = tmp_path / "other\x1b[31m.jpg"
    other.write_bytes(PICTURE)
    done = run("verify", picture, other, tmp_path / "none.jpg", picture)
    assert done.stdout.splitlines() == [
        f"Identical: {picture} [record 7]",
        f"Differs: {tmp_path}/other\\u001b[31m.jpg [record 7]",
        f"Could not check (unreadable): {tmp_path}/none.jpg",
        f"Not found: {picture}",
        "4 items: 1 identical, 1 differs, 1 not found, 1 could not check",
    ]
    assert done.stderr.splitlines() == [f"{tmp_path}/none.jpg cannot be read: No such file or directory"]
    assert done.returncode == 2


def test_of_a_service_that_is_gone_no_more_than_a_few_pictures_are_asked(
    run: Run, service: story.Service, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countermark.retries.FIRST_WAIT", 0.01)
    service.will(replies.breaks)
    done = run("verify", *[picture] * 50)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 6
    assert done.stderr.endswith("45 were not asked: the service did not answer 5 times in a row\n")


@pytest.mark.parametrize("digest", [PICTURE_SHA256, PICTURE_SHA256.upper()])
def test_a_digest_can_be_verified_without_the_file(run: Run, service: story.Service, digest: str) -> None:
    service.will(says(story.report()))
    done = run("verify", f"sha256:{digest}")
    assert done.returncode == 0
    assert done.stdout.startswith(f"sha256:{digest[:10]}")
    assert json.loads(service.asked[0].body) == {"sha256": PICTURE_SHA256}


def test_a_picture_can_come_from_standard_input(environment: dict[str, str], service: story.Service) -> None:
    service.will(says(story.report()))
    for options in ([], ["--hashes-only"]):
        command = [*COMMAND, "verify", "-", *options]
        done = subprocess.run(command, env=environment, input=PICTURE, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(b"standard input\n")
    assert service.asked[0].body == PICTURE
    assert json.loads(service.asked[1].body) == {"sha256": PICTURE_SHA256}


def test_a_folder_is_audited_beside_a_report_of_its_name(run: Run, picture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(ROCKET, folder / "a.jpg")
    shutil.copy(ROCKET, picture)
    with registry() as audited:
        done = run("verify", "photos", picture, "--url", audited.url)
        assert done.stdout.splitlines() == [
            f"Not found: {picture}",
            "Not found: photos/a.jpg",
            "2 items: 2 not found",
            "report: photos.audit/report.html",
        ]
        assert (done.returncode, len(audited.sent)) == (1, 1)
        assert run("verify", "photos", "--url", audited.url, "--hashes-only").returncode == 2  # another audit
    assert (tmp_path / "photos.audit" / "report.html").is_file()


@pytest.mark.parametrize(
    ("locale", "lead"),
    [("C.UTF-8", "It leads back."), ("de_AT.UTF-8", "Es führt zurück."), ("fr_FR", "It leads back.")],
)
def test_what_a_reader_is_told_first_is_in_the_language_of_the_locale(
    run: Run, service: story.Service, picture: Path, monkeypatch: pytest.MonkeyPatch, locale: str, lead: str
) -> None:
    wording = {"warning": "Withdrawn.", "remarks": [], "vouched": "The operator vouches."}
    wording |= {"ai": "AI: nothing.", "measured": None}
    told: list[dict[str, Any]] = [
        {"language": "en", "title": "A match", "lead": "It leads back.", **wording},
        {"language": "de", "title": "Ein Treffer", "lead": "Es führt zurück.", **wording},
    ]
    report = story.report()
    summary = report["axes"]["proof"]["summary"]
    told[1]["sentences"] = {summary: "Der Beweis gilt."}
    service.will(says(report | {"headline": report["headline"] | {"wordings": told}}))
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", locale)
    shown = run("verify", picture).stdout
    assert f"Withdrawn. {lead} The operator vouches. AI: nothing." in shown
    verbose = run("verify", picture, "--verbose").stdout
    assert f"Withdrawn. {lead}\nThe operator vouches.\nAI: nothing.\n" in verbose
    assert ("Der Beweis gilt." in verbose) == locale.startswith("de")
    terms = ("Zeigt nicht: ", "Nicht geprüft: ") if locale.startswith("de") else ("Does not show: ", "Not checked: ")
    assert all(term in verbose for term in terms)


def test_the_address_of_a_report_is_shown(run: Run, service: story.Service, picture: Path) -> None:
    service.will(says(story.report()))
    address = f"{service.url}/verify?report={story.VERIFICATION}"
    assert f"report: {address}" in run("verify", picture).stdout
    assert json.loads(run("verify", picture, "--json").stdout)["url"] == address


def test_registering_without_a_key_says_where_to_give_one(
    run: Run, service: story.Service, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTERMARK_API_KEY")
    done = run("register", picture)
    assert done.returncode == 2
    assert "--api-key" in done.stderr
    assert "COUNTERMARK_API_KEY" in done.stderr
    assert service.asked == []


def test_an_address_of_something_else_is_a_usage_error(run: Run, service: story.Service, picture: Path) -> None:
    service.will(says(b"<html>", 404, "text/html"))
    done = run("verify", picture)
    assert done.returncode == 2
    assert "is not a Countermark service" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        *("register", "verify", "compare", "receipt verify", "receipt get", "receipt show", "log audit", "log watch"),
        *("audit verify", "audit diff", "watch", "key generate", "key enrol", "key sign", "key show"),
    ],
)
def test_every_command_shows_an_example_and_names_what_its_options_take(run: Run, command: str) -> None:
    shown = run(*command.split(), "--help").stdout
    assert f"Example: countermark {command} " in " ".join(shown.split())
    texts = set(re.findall(r"--([a-z-]+) +TEXT\b", shown))
    assert texts == TEXTS.get(command, set())
    assert not re.search(r"\b(PATH|FLOAT|INTEGER)\b", shown)


def test_the_command_of_audits_is_shown_as_it_is_called(run: Run) -> None:
    for done in (run("audit"), run("audit", "many", "--help"), run("audit", "archive", "--help")):
        shown = " ".join(done.stdout.split())
        assert shown.startswith("Usage: countermark audit [OPTIONS] [PATH]...")
        assert "Example: countermark audit archive/ --out report" in shown


def test_full_detail_is_asked_for_by_an_option(run: Run, service: story.Service, picture: Path) -> None:
    service.will(says(story.report()))
    assert run("verify", picture, "--full-detail").returncode == 0
    assert service.asked[0].path == "/v1/verifications?detail=full"


@pytest.mark.parametrize("options", [("--keep",), ("--keep", "--hashes-only")])
def test_a_report_is_kept_where_an_option_asks_for_it_and_the_command_says_until_when(
    run: Run, service: story.Service, picture: Path, options: tuple[str, ...]
) -> None:
    service.will(says(story.report() | {"kept_until": "2026-12-29T10:20:30.000Z"}))
    done = run("verify", picture, *options)
    assert service.asked[0].path == "/v1/verifications?keep=true"
    assert "kept until 2026-12-29 10:20 UTC" in done.stdout


def test_a_report_that_is_not_kept_is_not_said_to_be(run: Run, service: story.Service, picture: Path) -> None:
    service.will(says(story.report() | {"kept_until": None}))
    done = run("verify", picture)
    assert service.asked[0].path == "/v1/verifications"
    assert "kept until" not in done.stdout
    assert "report:" not in done.stdout  # it would lead nowhere


def test_list_validity_time_and_name_of_a_signer_are_told_apart(
    run: Run, service: story.Service, picture: Path
) -> None:
    credential = {
        "state": "WELL_FORMED_ONLY",
        "manifest_id": "urn:c2pa:1",
        "signer": "Herald",
        "signed_at": None,
        "trust_list": "Desk 7",
        "digital_source_types": [],
        "ingredients": [
            {"title": "sky", "state": "REMOTE_ONLY", "problems": [], "remote_url": "https://example.org/sky.c2pa"}
        ],
        "problems": ["signingCredential.expired"],
        "certificate": {
            "common_name": "Herald",
            "organisation": None,
            "valid_from": "2025-01-01T00:00:00Z",
            "valid_until": "2026-01-01T00:00:00Z",
        },
        "validity": "NOT_IN_FORCE",
        "time_stamps": [{"time": "2025-06-01T12:00:00Z", "authority": "Clock", "trust_list": None}],
        "redactions": ["self#jumbf=/c2pa/urn:c2pa:0/c2pa.assertions/c2pa.metadata"],
    }
    service.will(says(story.report() | {"credential": credential}))
    shown = " ".join(run("verify", picture, "-v").stdout.split())
    for text in (
        *("content credential WELL_FORMED_ONLY", "trust list Desk 7", "2025-01-01 to 2026-01-01, not in force"),
        *("2025-06-01 12:00:00 UTC, on no list used here: not trusted, by Clock", "signer's name Herald"),
        *("c2pa.metadata", "https://example.org/sky.c2pa (not fetched)"),
    ):
        assert text in shown, text


def test_what_a_stranger_wrote_cannot_steer_the_terminal(run: Run, service: story.Service, picture: Path) -> None:
    service.will(says(story.report(title=HOSTILE)))
    for form in ([], ["-v"], ["--json"], ["--jsonl"]):
        printed = run("verify", picture, *form).stdout
        assert all(character == "\n" or character.isprintable() for character in printed), form
    shown = " ".join(run("verify", picture, "-v").stdout.split())
    assert "match 1 A title]0;owned2Jgpj.exe match 2 forged [bold]markup[/bold] :smile:" in shown


def test_what_a_service_says_went_wrong_cannot_either(run: Run, service: story.Service, picture: Path) -> None:
    service.will(refuses("unsupported-media", 415, HOSTILE))
    done = run("verify", picture)
    assert done.returncode == 2
    assert all(character == "\n" or character.isprintable() for character in done.stderr)
    assert len(done.stderr.splitlines()) == 1


def test_a_file_of_unknown_type_is_named_with_the_reason_and_the_request(
    run: Run, service: story.Service, picture: Path
) -> None:
    service.will(refuses("unsupported-media", 415, "not a JPEG, PNG, WebP, GIF, TIFF, AVIF or HEIC picture"))
    done = run("verify", picture)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (f"{picture}: not a JPEG, PNG, WebP, GIF, TIFF, AVIF or HEIC picture (request req_1)\n")


def test_json_is_the_whole_answer(run: Run, service: story.Service, picture: Path) -> None:
    service.will(says(story.report()))
    done = run("verify", picture, "--json")
    assert json.loads(done.stdout)["matches"][0]["asset"]["id"] == RECORD
    assert done.stdout.isascii()


def test_json_lines_go_on_after_an_error_and_the_worst_status_counts(
    run: Run, service: story.Service, picture: Path, tmp_path: Path
) -> None:
    service.will(
        says(story.report()),
        refuses("unsupported-media", 415, "not a picture"),
        says(story.report("MATCH_WITH_DIFFERENCES")),
    )
    done = run("verify", picture, picture, tmp_path / "none.jpg", picture, "--jsonl")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["file"] for line in lines] == [str(picture), str(picture), str(tmp_path / "none.jpg"), str(picture)]
    assert lines[1]["error"] == {"kind": "UnsupportedMedia", "detail": "not a picture", "request_id": "req_1"}
    assert lines[2]["error"]["kind"] == "InvalidRequest"
    assert lines[3]["report"]["headline"]["code"] == "MATCH_WITH_DIFFERENCES"
    assert done.returncode == 2
    refused, missing = done.stderr.splitlines()
    assert str(picture) in refused
    assert missing.startswith(f"{tmp_path / 'none.jpg'} cannot be read")


def test_findings_exit_with_1_and_a_service_that_cannot_answer_with_3(
    run: Run, service: story.Service, picture: Path
) -> None:
    service.will(says(story.report("NO_MATCH_FOUND")))
    assert run("verify", picture).returncode == 1
    service.will(refuses("internal-error", 500, "The request id leads the operator to the cause.", Retry_After="0"))
    done = run("verify", picture)
    assert done.returncode == 3
    assert "req_1" in done.stderr


def test_hashes_only_sends_no_picture(run: Run, service: story.Service, picture: Path) -> None:
    service.will(says(story.report()))
    assert run("verify", picture, "--hashes-only").returncode == 0
    assert json.loads(service.asked[0].body) == {"sha256": PICTURE_SHA256}


def test_a_name_that_the_terminal_cannot_show_is_no_trouble(run: Run, service: story.Service, tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"\xff\x1b[2J.jpg")
    file.write_bytes(PICTURE)
    service.will(says(story.report()))
    for form in ([], ["--jsonl"]):
        done = run("verify", file, *form)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout


# register ---------------------------------------------------------------------------------------


def test_a_registration_is_shown_and_kept(run: Run, service: story.Service, picture: Path, tmp_path: Path) -> None:
    media = story.asset()["media"]
    credential = {"manifest_id": "urn:c2pa:1", "claim_sha256": "ab" * 32, "embedded": True, "signed": media}
    service.will(
        story.uploaded(),
        story.registered(credential=credential),
        story.receipt(),
        says(b"signed", media_type="image/jpeg"),
    )
    done = run("register", picture, "--title", "Path", "--source-type", "digitalCapture", "--out", "kept")
    assert (done.returncode, done.stderr) == (0, "")
    assert fits(done.stdout)
    assert f"record     {RECORD}\n" in done.stdout
    assert (tmp_path / "kept" / "picture.jpg.countermark").read_bytes() == RECEIPT
    assert (tmp_path / "kept" / "picture.signed.jpg").read_bytes() == b"signed"
    metadata = json.loads(service.asked[1].body)["metadata"]
    assert metadata == {"title": "Path", "digital_source_type": "digitalCapture", "credential": "embedded"}
    assert service.asked[0].headers["Authorization"] == "Bearer cmk_a_b"


def test_a_registration_whose_receipt_cannot_be_kept_is_still_shown(
    run: Run, service: story.Service, picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_bytes(b"a file where the folder should be")
    service.will(story.uploaded(), story.registered(), story.receipt())
    done = run("register", picture, "--out", "kept")
    assert done.returncode == 2
    assert RECORD in done.stdout
    assert "cannot be written" in done.stderr


def test_registering_goes_on_after_an_error(run: Run, service: story.Service, picture: Path) -> None:
    service.will(refuses("not-authenticated", 401, "This key is not known."), story.uploaded(), story.registered())
    done = run("register", picture, picture, "--jsonl")
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["error"]["kind"] == "NotAuthenticated"
    assert second["asset"]["id"] == RECORD
    assert done.returncode == 2


# receipt ----------------------------------------------------------------------------------------


def test_a_receipt_of_a_known_log_satisfies(run: Run, receipt: Path) -> None:
    keys = [argument for key in REGISTERED["trusted_keys"] for argument in ("--vkey", key)]
    done = run("receipt", "verify", receipt, *keys)
    assert (done.returncode, done.stderr) == (0, "")
    assert fits(done.stdout)
    assert done.stdout.endswith("The receipt holds.\n")


def test_a_receipt_whose_log_nobody_vouches_for_is_incomplete(run: Run, receipt: Path) -> None:
    done = run("receipt", "verify", receipt)
    assert done.returncode == 3
    assert "--vkey" in done.stdout
    assert fits(done.stdout)


def test_a_receipt_about_another_picture_is_a_finding(run: Run, receipt: Path, picture: Path) -> None:
    done = run("receipt", "verify", receipt, picture, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert not report["holds"]
    assert report["steps"][8]["outcome"] == "fails"
    assert "for another picture" in run("receipt", "verify", receipt, picture).stdout


def test_a_withdrawn_registration_is_a_finding(run: Run, tmp_path: Path) -> None:
    case = CASES["withdrawn by its publisher"]
    (tmp_path / "w.countermark").write_bytes(receipt_of(case))
    done = run("receipt", "verify", "w.countermark", "--vkey", case["trusted_keys"][0])
    assert done.returncode == 1
    assert "withdrawn" in done.stdout


@pytest.mark.parametrize(("data", "status"), [(b"{}", 1), (b"\x1b[2J", 1), (None, 2)])
def test_what_is_no_receipt_is_a_finding_and_what_is_not_there_is_usage(
    run: Run, tmp_path: Path, data: bytes | None, status: int
) -> None:
    if data is not None:
        (tmp_path / "x.countermark").write_bytes(data)
    for command in ("verify", "show"):
        done = run("receipt", command, "x.countermark")
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr.startswith("x.countermark: ") or "x.countermark cannot be read" in done.stderr


def test_a_fetched_receipt_is_exactly_the_file(
    run: Run, service: story.Service, environment: dict[str, str], receipt: Path, tmp_path: Path
) -> None:
    service.will(story.receipt())
    piped = subprocess.run([*COMMAND, "receipt", "get", RECORD], env=environment, capture_output=True, check=True)
    assert piped.stdout == receipt.read_bytes()
    done = run("receipt", "get", RECORD, "--out", "new/r.countermark")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "new" / "r.countermark").read_bytes() == receipt.read_bytes()


def test_a_receipt_that_nobody_has_is_a_finding(run: Run, service: story.Service) -> None:
    service.will(refuses("not-found", 404, "There is no such record."))
    assert run("receipt", "get", RECORD).returncode == 1


def test_a_receipt_can_be_read(run: Run, receipt: Path) -> None:
    done = run("receipt", "show", receipt)
    assert done.returncode == 0
    assert json.loads(done.stdout) == json.loads(receipt.read_bytes())


# Pipes, terminals, interruptions ----------------------------------------------------------------


@pytest.mark.timing
def test_a_reader_that_leaves_ends_the_command_quietly(
    service: story.Service, environment: dict[str, str], picture: Path
) -> None:
    service.will(says(story.report(title="x" * 300)))
    command = [*COMMAND, "verify", *[str(picture)] * 20, "--jsonl"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(HUNG_SECONDS) == 141


@pytest.mark.timing
def test_an_interrupted_command_says_nothing_and_exits_with_130(
    service: story.Service, environment: dict[str, str], picture: Path
) -> None:
    interrupted = threading.Event()
    service.will(replies.waits_for(interrupted))
    command = [*COMMAND, "verify", str(picture)]
    with (
        story.hearing_ctrl_c(),
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
    ):
        eventually(lambda: service.asked)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=HUNG_SECONDS)
        interrupted.set()
    assert (process.returncode, output, errors) == (130, b"", b"")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_on_a_terminal_there_is_a_bar_and_a_file_is_not_dumped(
    service: story.Service, environment: dict[str, str], picture: Path, receipt: Path
) -> None:
    service.will(says(story.report(title=HOSTILE)))
    status, sent = on_a_terminal(["verify", str(picture)], environment)
    assert status == 0
    assert "EXACT_MATCH" in sent
    assert "owned\x07" not in sent
    assert "\x9b" not in sent
    service.will(story.receipt())
    status, sent = on_a_terminal(["receipt", "get", RECORD], environment)
    assert status == 2
    assert "--out" in sent
    assert "countermark-receipt" not in sent


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_on_a_terminal_a_long_name_leaves_room_for_its_bar_and_notes_are_wrapped_between_words(
    service: story.Service, environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "a picture with a name that is long enough to be wrapped somewhere.jpg"
    file.write_bytes(PICTURE)
    file_says = dict.fromkeys(("title", "byline", "credit", "rights", "captured_at")) | {"caption": LONG, "notes": []}
    upload = {"sha256": PICTURE_SHA256, "size": len(PICTURE), "media_type": "image/jpeg", "says": file_says}
    service.will(says(upload, 201), story.registered())
    status, sent = on_a_terminal(["register", str(file)], environment)
    assert status == 0
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]+", sent)]
    assert all(len(line) <= 80 for line in lines), lines
    bars = [line for line in lines if line.startswith(f"{file.name[:35]}… ") and "bytes" in line]
    assert bars, lines
    told = " ".join(lines)
    assert f"{file.name} says of itself: caption “{LONG}”" in " ".join(told.split())
