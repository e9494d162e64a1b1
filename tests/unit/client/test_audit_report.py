"""The report of an audit: what a spreadsheet, a page or a terminal would obey, lengths, signatures, policies."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from countermark import InvalidRequest, MalformedNote
from countermark.audit import (
    AuditPolicy,
    Bucket,
    Change,
    Checked,
    Options,
    Outcome,
    Sources,
    compare_folders,
    verify_folder,
)
from countermark.audit.buckets import could_not_check
from countermark.audit.items import Entry, Examined
from countermark.audit.report import MAX_LINE_BYTES, cell, json_line, printable, shown, text_of
from countermark.audit.state import CheckedRecord, Item, Settled, State
from countermark.audit.summary import conclude, exit_status, sign_summary, verify_summary
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import Exit, MalformedStatement, SignatureInvalid
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.statement.statement import sign_statement

NAMES = [
    *(b"a.jpg", b"=HYPERLINK(1).jpg", b"-rf.jpg", b"+1.jpg", b"@x.jpg"),
    *(f"{sign}full-width.jpg".encode() for sign in "＝＋－＠"),
    *(b"\xff\xfe.jpg", b"</script><script>alert(1)</script>.jpg", b"\x1b[31mred\x07.jpg", b"two\nlines\r.jpg"),
    *("\u202egpj.exe".encode(), b"back\\slash.jpg", b"<!--.jpg", "é".encode(), b"tab\t.jpg"),
]


def make(folder: Path, outcomes: dict[bytes, Outcome], *, key: LocalSigner | None = None, **options: Any) -> Options:
    """A report about items with these outcomes, and records that hold."""
    sources, asked = Sources(["archive"]), Options("https://registry.example", pictures=False, **options)
    with State(folder, asked.purpose(sources)) as state:
        for _ in state.list([[Entry(name, "file", name, size=1) for name in outcomes]]):
            pass
        state.settle([Settled(Examined(name, "", "ab" * 32), outcome) for name, outcome in outcomes.items()])
        for outcome in outcomes.values():
            if outcome.record is not None:
                facts = {
                    "publisher": "daily",
                    "title": "=cmd|' /C calc'!A0",
                    "sha256": ["ab" * 32],
                    "standing": "current",
                }
                record = CheckedRecord(outcome.record, "holds", "", asked.policy.keys_digest, True, facts)
                state.check_record(record)
        conclude(state, folder, sources, asked, key=key)
    return asked


def odd_items() -> dict[bytes, Outcome]:
    return {name: Outcome(Bucket.IDENTICAL, record="cd" * 32, index=0) for name in NAMES}


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "items.csv").read_bytes().decode(), newline="")))


def test_no_cell_of_the_csv_begins_a_formula_or_controls_anything(tmp_path: Path) -> None:
    make(tmp_path, odd_items())
    cells = [cell for row in rows(tmp_path) for cell in row.values()]
    assert len(rows(tmp_path)) == len(NAMES)
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r＝＋－＠" and cell]
    assert not [cell for cell in cells if not cell.isprintable()]
    assert "'=HYPERLINK(1).jpg" in cells
    assert "'=cmd|' /C calc'!A0" in cells


@given(st.text(alphabet="'=-a"), st.text(alphabet="'=-a"))
def test_no_two_texts_make_the_same_cell(one: str, other: str) -> None:
    assert (cell(one) == cell(other)) == (one == other)
    assert text_of(cell(one)) == one


def test_an_error_that_names_a_file_of_any_octets_can_be_written() -> None:
    assert printable("\udcff.jpg cannot be read:\n\x1b[31mno") == r"\xff.jpg cannot be read: \u001b[31mno"


def test_two_names_never_look_alike() -> None:
    names = [*NAMES, b"\\xff\\xfe.jpg", b"two\\nlines\\r.jpg", "\x80".encode(), b"\x80", b"\\x80", b"\\u0080"]
    assert len({shown(name) for name in names}) == len(names)


@given(st.binary(max_size=600), st.text(max_size=600), st.lists(st.sampled_from(["superseded", "withdrawn", "lead"])))
def test_a_line_of_json_is_short_and_prints_nothing_odd(name: bytes, detail: str, also: list[str]) -> None:
    outcome = could_not_check("truncated", detail).with_also(*also)
    for each in (outcome, Outcome(Bucket.IDENTICAL, record="cd" * 32, index=2**62, others=9).with_also(*also)):
        line = json_line(Item(name, "ab" * 32, each))
        assert len(line.encode()) <= MAX_LINE_BYTES
        assert line.rstrip("\n").isprintable()
        read = json.loads(line)
        assert read["bucket"] == each.bucket
        assert read["path"] == shown(name) or read["cut"]


def test_line_n_of_the_json_is_row_n_of_the_csv_in_the_order_of_the_octets(tmp_path: Path) -> None:
    make(tmp_path, odd_items())
    paths = [json.loads(line)["path"] for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert paths == [shown(name) for name in sorted(NAMES)]
    assert [row["path"].removeprefix("'") for row in rows(tmp_path)] == paths


class Page(HTMLParser):
    """What a browser would run or fetch, and the data in the page."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.data: dict[str, Any] = {}
        self.fetched: list[str] = []
        self._into: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.fetched += [str(given[name]) for name in ("src", "href") if name in given]
        if tag == "script":
            self._into = given.get("id") or ""

    def handle_data(self, data: str) -> None:
        if self._into == "":
            self.scripts.append(data)
        elif self._into is not None:
            self.data[self._into] = json.loads(data)

    def handle_endtag(self, tag: str) -> None:
        self._into = None


def test_no_name_or_title_leaves_the_data_of_the_page(tmp_path: Path) -> None:
    make(tmp_path, odd_items())
    page = Page()
    page.feed((tmp_path / "report.html").read_text())
    assert len(page.scripts) == 1
    assert page.fetched == []
    assert {row[0] for row in page.data["items"]} == {shown(name) for name in NAMES}
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', (tmp_path / "report.html").read_text())
    assert policy is not None
    assert "default-src 'none'" in policy[1]


# Policies -----------------------------------------------------------------------------------------


def with_policy(tmp_path: Path, text: str) -> AuditPolicy:
    (tmp_path / "audit.toml").write_text(text)
    return AuditPolicy.of(tmp_path / "audit.toml")


DIFFERS = Outcome(Bucket.DIFFERS, record="cd" * 32, index=0)
SUPERSEDED = Outcome(Bucket.IDENTICAL, record="cd" * 32, index=0).with_also("superseded")


@pytest.mark.parametrize(
    ("policy", "outcome", "status"),
    [
        ("", Outcome(Bucket.IDENTICAL), Exit.SATISFIED),
        ("", Outcome(Bucket.INSIDE_LARGER_PICTURE), Exit.SATISFIED),
        ("", DIFFERS, Exit.FINDINGS),
        ("", Outcome(Bucket.NOT_FOUND), Exit.FINDINGS),
        ("", Outcome(Bucket.NOT_COMPARED), Exit.INCOMPLETE),
        ("", could_not_check("empty", ""), Exit.INCOMPLETE),
        ("fail = []", DIFFERS, Exit.SATISFIED),
        ("incomplete = []", Outcome(Bucket.NOT_COMPARED), Exit.SATISFIED),
        ("", SUPERSEDED, Exit.SATISFIED),
        ('fail = ["superseded"]', SUPERSEDED, Exit.FINDINGS),
    ],
)
def test_the_policy_says_what_fails(tmp_path: Path, policy: str, outcome: Outcome, status: Exit) -> None:
    make(tmp_path / "out", {b"a.jpg": outcome}, policy=with_policy(tmp_path, policy))
    assert json.loads((tmp_path / "out" / "summary.json").read_bytes())["exit_status"] == status


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fail = [", "is not TOML"),
        ("fails = []", "malformed: fails"),
        ("fail = 1", "malformed: fail"),
        ("max_age = -1", "malformed: max_age"),
        ('tlog_policy = "nowhere"', "nowhere cannot be read"),
    ],
)
def test_a_malformed_policy_is_refused_with_the_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        with_policy(tmp_path, text)


def test_a_malformed_log_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedNote):
        with_policy(tmp_path, 'log_keys = ["no key"]')


# Signing and checking -----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=list(Algorithm), ids=lambda algorithm: algorithm.value)
def signer(request: pytest.FixtureRequest) -> LocalSigner:
    return LocalSigner.generate(request.param)


def test_a_summary_is_signed_with_either_kind_of_key(signer: LocalSigner) -> None:
    signature = sign_summary(b"{}", signer)
    assert verify_summary(b"{}", signature) == signer.public_key
    with pytest.raises(SignatureInvalid):
        verify_summary(b"{ }", signature)


def test_nothing_but_a_signature_of_a_summary_is_taken_for_one(signer: LocalSigner) -> None:
    signature = sign_summary(b"{}", signer)
    statement = sign_statement(b'{"type":"x"}', signer)
    for other in (
        statement,
        b"",
        signature[:-1],
        signature + b"\0",
        signature.replace(b"audit-summary", b"audit-sumnary"),
    ):
        with pytest.raises((MalformedStatement, SignatureInvalid)):
            verify_summary(b"{}", other)


def outcomes(checked: list[Checked]) -> dict[str, str]:
    return {each.what: each.outcome for each in checked}


def check(folder: Path, signer: LocalSigner | None = None) -> dict[str, str]:
    return outcomes(list(verify_folder(folder, AuditPolicy(), signer and signer.public_key)))


NO_RECORDS = {b"a.jpg": Outcome(Bucket.NOT_FOUND), b"b.jpg": could_not_check("empty", "it has no bytes")}


def test_a_signed_folder_holds_and_each_change_of_it_is_told(tmp_path: Path, signer: LocalSigner) -> None:
    make(tmp_path, NO_RECORDS, key=signer)
    assert set(check(tmp_path, signer).values()) == {"holds"}
    assert check(tmp_path)["signature"] == "not checked"
    assert check(tmp_path, LocalSigner.generate(Algorithm.ED25519))["signature"] == "fails"
    for name in ("items.csv", "items.jsonl", "report.html", "receipts.sha256"):
        kept = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(kept.replace(b"a.jpg", b"c.jpg") + b" ")
        assert check(tmp_path, signer)[name] == "fails"
        (tmp_path / name).unlink()
        assert check(tmp_path, signer)[name] == "fails"
        (tmp_path / name).write_bytes(kept)
    summary = (tmp_path / "summary.json").read_bytes()
    (tmp_path / "summary.json").write_bytes(summary.replace(b'"not_found": 1', b'"not_found": 2'))
    found = check(tmp_path, signer)
    assert (found["signature"], found["counts"]) == ("fails", "fails")
    (tmp_path / "summary.json").write_bytes(summary)
    (tmp_path / "summary.cose").unlink()
    assert check(tmp_path, signer)["signature"] == "fails"


def test_the_summary_and_the_page_say_that_what_is_not_registered_is_the_services_word(tmp_path: Path) -> None:
    make(tmp_path, NO_RECORDS)
    told = json.loads((tmp_path / "summary.json").read_bytes())["does_not_show"]
    assert told.startswith("That something is not registered is the service's word")
    page = Page()
    page.feed((tmp_path / "report.html").read_text())
    assert page.data["about"]["about"]["does_not_show"] == told


def test_a_record_without_its_receipt_is_not_checked(tmp_path: Path) -> None:
    make(tmp_path, {b"a.jpg": DIFFERS})
    assert check(tmp_path)["receipts"] == "not checked"


def test_a_summary_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    make(tmp_path, NO_RECORDS)
    text = (tmp_path / "summary.json").read_text().replace('"items.csv"', '"../items.csv"')
    (tmp_path / "summary.json").write_text(text)
    assert check(tmp_path)["../items.csv"] == "fails"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}', "[" * 100_000])
def test_what_is_no_summary_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(InvalidRequest, match="no summary of an audit"):
        check(tmp_path)


def test_the_exit_status_of_a_check() -> None:
    holds, fails, unchecked = (Checked("x", outcome, "") for outcome in ("holds", "fails", "not checked"))
    assert exit_status([holds]) is Exit.SATISFIED
    assert exit_status([holds, unchecked]) is Exit.INCOMPLETE
    assert exit_status([unchecked, fails]) is Exit.FINDINGS


def test_the_differences_of_two_reports(tmp_path: Path) -> None:
    make(tmp_path / "old", {b"a": DIFFERS, b"b": DIFFERS, b"=c": Outcome(Bucket.NOT_FOUND), b"'=c": DIFFERS})
    make(tmp_path / "new", {b"a": SUPERSEDED, b"b": DIFFERS, b"d": Outcome(Bucket.NOT_FOUND)})
    assert list(compare_folders(tmp_path / "old", tmp_path / "new")) == [
        Change("a", "bucket", "differs", "identical"),
        Change("d", "added", None, "not_found"),
        Change("'=c", "removed", "differs", None),
        Change("=c", "removed", "not_found", None),
    ]
    (tmp_path / "new" / "items.csv").write_text("path\n")
    with pytest.raises(InvalidRequest, match="not the CSV of an audit"):
        list(compare_folders(tmp_path / "old", tmp_path / "new"))
