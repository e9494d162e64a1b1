"""Exact answers: worked out once in a state of the log, in few queries after that, and never stale.

Each is asked of one process while this one, or another one on the same database, changes what it rests on.
"""

import hashlib
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, event

from provenance.errors import CountermarkError
from provenance.statement.keys import Algorithm
from provenance.statement.record import Parent
from registry import answer_cache
from registry.answer_cache import AnswerCache
from registry.database import assets, heads, resemblances
from registry.database.heads import Served
from registry.database.resemblances import Pair
from registry.registry import Registry
from registry.usecases import disputes
from registry.usecases.access import Reader
from registry.usecases.erasure import erase
from registry.usecases.maintenance.rotation import rotate_log_key
from registry.usecases.publishers import enrol_publisher, revoke_key, rotate_key
from registry.usecases.register import withdraw
from registry.usecases.sealing import reveal
from registry.usecases.verify import KEPT_FOR, verify_digests
from tests.unit.registry.desk import RIVAL, jpeg, open_desk, register

_number = itertools.count(1)


@dataclass(frozen=True)
class Desks:
    """The one that is asked, and the one that acts: the same, or another process on the same database."""

    asked: Registry
    acting: Registry

    def verify(self, data: bytes) -> Any:
        """The report on a file, by its digest."""
        return json.loads(verify_digests(self.asked, sha256=hashlib.sha256(data).digest()))

    def kept(self, data: bytes) -> Any:
        """The report, as it is made of what was kept."""
        with queries() as counted:
            report = self.verify(data)
        assert len(counted) <= 4, counted
        return report


class queries:  # noqa: N801
    """The statements of this thread and of the writer's while the context is open: other threads ask now and then."""

    def __enter__(self) -> list[str]:
        self._seen: list[str] = []
        event.listen(Engine, "before_cursor_execute", self._note)
        return self._seen

    def _note(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        thread = threading.current_thread()
        asked = thread is threading.main_thread() or thread.name == "countermark-writer"
        if asked and statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            self._seen.append(statement)

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "before_cursor_execute", self._note)


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "another process"])
def desks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    folder = tmp_path_factory.mktemp("desk") / "data"
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    with ExitStack() as opened:
        asked = opened.enter_context(open_desk(folder, database=url))
        another = request.param == "another process"
        yield Desks(asked, opened.enter_context(open_desk(folder, database=url)) if another else asked)


class Picture:
    """A registered picture of a publisher that has no other, compared with those before it."""

    def __init__(self, desks: Desks, publisher: str | None = None, **claims: Any) -> None:
        number = next(_number)
        self.desks, self.data, self.publisher = desks, jpeg(number, size=(96, 72)), publisher or f"desk-{number}"
        if publisher is None:
            enrol_publisher(desks.acting, publisher=self.publisher, name=self.publisher, algorithm=Algorithm.ED25519)
        registered = register(desks.acting, self.data, publisher=self.publisher, name=self.publisher, **claims)
        self.record, self.index = bytes.fromhex(registered.asset.id), registered.asset.index
        self.key = bytes.fromhex(registered.asset.publisher.key)
        self.resembles()

    def resembles(self, *older: "Picture") -> None:
        pairs = [Pair(each.index, "MATCH_WITH_DIFFERENCES", True, "1 region differs", None) for each in older]
        self.desks.acting.store.write(
            lambda session: resemblances.save(session, self.index, pairs, method="by hand", left_out=[])
        ).result()

    def report(self) -> Any:
        """Of the process that is asked: its newest, in the newest tree, and from what it kept."""
        report = self.desks.verify(self.data)
        assert self.desks.kept(self.data)["matches"] == report["matches"]
        for match in report["matches"]:
            assert match["proof"]["tree_size"] == self.desks.acting.sequencer.size
        return report

    def standing(self) -> str:
        (match,) = self.report()["matches"]
        assert match["asset"]["standing"] == match["standing"]
        return str(match["standing"]["value"])


def test_a_second_answer_takes_six_statements_with_its_report_kept(desks: Desks) -> None:
    picture = Picture(desks)
    sha256 = hashlib.sha256(picture.data).digest()
    first = json.loads(verify_digests(desks.asked, sha256=sha256, keep=KEPT_FOR))
    with queries() as counted:
        second = json.loads(verify_digests(desks.asked, sha256=sha256, keep=KEPT_FOR))
    assert [each.split()[0] for each in counted] == 4 * ["SELECT"] + 2 * ["INSERT"]
    different = ("id", "created_at", "kept_until", "links")
    assert [second | dict.fromkeys(different)] == [first | dict.fromkeys(different)]


def test_a_digest_that_leads_to_nothing_takes_one_query_and_leaves_no_row(desks: Desks) -> None:
    with queries() as counted:
        report = desks.verify(b"nobody's")
    assert [each.split()[0] for each in counted] == ["SELECT"]
    assert (report["matches"], report["kept_until"]) == ([], None)


def test_a_withdrawal_is_told_at_once(desks: Desks) -> None:
    picture = Picture(desks)
    assert picture.standing() == "current"
    withdraw(desks.acting, publisher=picture.publisher, record=picture.record, reason="a mistake")
    assert picture.standing() == "withdrawn"


def test_a_dispute_and_its_end_are_told_at_once(desks: Desks) -> None:
    picture = Picture(desks)
    assert picture.standing() == "current"
    said = disputes.dispute(desks.acting, publisher=RIVAL, record=picture.record, reason="ours", counterclaim=None)
    assert picture.standing() == "disputed"
    disputes.answer(
        desks.acting, publisher=RIVAL, dispute=bytes.fromhex(said.id), outcome="retracted", reason="a mistake"
    )
    assert picture.standing() == "current"


def test_a_revocation_is_told_at_once(desks: Desks) -> None:
    picture = Picture(desks)
    assert picture.standing() == "current"
    revoke_key(desks.acting, publisher=picture.publisher, thumbprint=picture.key, reason="lost")
    assert picture.standing() == "key revoked after logging"


def test_a_rotation_of_a_publishers_key_is_in_the_next_proof(desks: Desks) -> None:
    picture = Picture(desks)
    assert picture.standing() == "current"
    rotate_key(desks.acting, publisher=picture.publisher, algorithm=Algorithm.ES256)
    (match,) = picture.report()["matches"]
    assert match["proof"]["tree_size"] > match["asset"]["index"] + 1
    assert match["asset"]["publisher"]["key"] == picture.key.hex()


def test_a_rotation_of_the_logs_key_is_in_the_next_proof(desks: Desks) -> None:
    picture = Picture(desks)
    (before,) = picture.report()["matches"]
    acting = desks.acting
    now = acting.now()
    rotated = rotate_log_key(acting.sequencer, acting.keystore, now=now, ml_dsa=False)
    (after,) = picture.report()["matches"]
    assert after["proof"]["tree_size"] == rotated.index + 1
    assert before["proof"]["checkpoint"] != after["proof"]["checkpoint"]


def test_a_successor_is_told_at_once(desks: Desks) -> None:
    picture = Picture(desks)
    assert picture.standing() == "current"
    Picture(desks, picture.publisher, parents=(Parent(picture.record, "supersedes"),))
    assert picture.standing() == "superseded"


def test_a_source_that_is_withdrawn_is_told_at_once(desks: Desks) -> None:
    source = Picture(desks)
    page = Picture(desks, parents=(Parent(source.record, "componentOf"),))
    assert page.report()["matches"][0]["sources"] == []
    withdraw(desks.acting, publisher=source.publisher, record=source.record, reason="a mistake")
    assert [each["id"] for each in page.report()["matches"][0]["sources"]] == [source.record.hex()]


def test_a_rival_registration_is_told_at_once(desks: Desks) -> None:
    picture = Picture(desks)
    assert picture.standing() == "current"
    register(desks.acting, picture.data, publisher=RIVAL)
    assert [each["standing"]["value"] for each in picture.report()["matches"]] == 2 * ["conflicting claims"]


def test_an_erased_registration_is_found_no_more_and_kept_nowhere(desks: Desks) -> None:
    picture = Picture(desks, title="PLANTED")
    assert picture.standing() == "current"
    erase(desks.acting, record=picture.record, reason="asked for")
    assert desks.verify(picture.data)["matches"] == []
    Picture(desks).report()
    assert not any(picture.record in asked for asked in desks.asked.answers._answers)


def test_a_sealed_registration_is_found_once_it_is_revealed(desks: Desks) -> None:
    picture = Picture(desks, visibility="sealed")
    assert desks.verify(picture.data)["matches"] == []
    reveal(desks.acting, record=picture.record, reader=Reader(picture.publisher))
    picture.resembles()
    assert picture.standing() == "current"


def test_what_it_resembles_is_told_as_soon_as_that_is_known(desks: Desks) -> None:
    older, newer = Picture(desks, title="the first"), Picture(desks)
    assert newer.report()["resembles"]["items"] == []
    newer.resembles(older)
    report = newer.report()
    assert [each["id"] for each in report["resembles"]["items"]] == [older.record.hex()]
    assert report["headline"]["code"] == "OLDER_REGISTRATION_DIFFERS"
    withdraw(desks.acting, publisher=older.publisher, record=older.record, reason="a mistake")
    report = newer.report()
    assert report["resembles"]["items"][0]["taken_back"] == "withdrawn"
    assert report["headline"]["code"] == "EXACT_MATCH"


def test_whether_the_copy_is_public_is_told_as_soon_as_that_is_known(desks: Desks) -> None:
    picture = Picture(desks, credential="sidecar")
    links = picture.report()["matches"][0]["asset"]["links"]
    assert links["manifest"]

    def keep_back(session: Any) -> None:
        row = assets.get(session, picture.record)
        row.copy_public = False
        session.add(row)

    desks.acting.store.write(keep_back).result()
    assert picture.report()["matches"][0]["asset"]["links"]["manifest"] is None


def test_the_number_of_registrations_is_kept_as_it_is(desks: Desks) -> None:
    for _ in range(2):
        picture = Picture(desks)
        with desks.asked.store.read() as session:
            assert heads.served(session).registrations == assets.count(session)
    erase(desks.acting, record=picture.record, reason="asked for")
    with desks.asked.store.read() as session:
        counted = assets.count(session)
        assert heads.served(session).registrations == counted
    assert desks.verify(b"nobody's")["searched"]["registrations"] == counted


def test_a_digest_that_nobody_registered_is_answered_by_one_query_from_what_was_said_of_another(desks: Desks) -> None:
    for _ in range(2):
        Picture(desks)
        first = desks.verify(b"nobody's")
        with queries() as counted:
            second = desks.verify(b"nobody's, too")
        assert [each.split()[0] for each in counted] == ["SELECT"]
        whole = json.loads(verify_digests(desks.asked, sha256=hashlib.sha256(b"nobody's, too").digest(), keep=KEPT_FOR))
        of_its_own = {"id", "created_at", "kept_until", "links"}
        assert {name: second[name] for name in second.keys() - of_its_own} == {
            name: whole[name] for name in whole.keys() - of_its_own
        }
        assert second["links"]["self"].endswith(second["id"])
        assert second["id"] != first["id"]


STATE = Served(size=5, registrations=1, note=b"n", cosigned=None, stamped=None, token=None)


def asked_twice(cache: AnswerCache, *states: tuple[Served, bytes | None]) -> list[int]:
    answers = itertools.count()
    return [cache.get(*state, "what", lambda: next(answers)) for state in states]


@pytest.mark.parametrize(
    "other",
    [
        (Served(6, 1, b"n", None, None, None), b"n"),
        (Served(5, 1, b"m", None, None, None), b"n"),
        (Served(5, 1, b"n", b"c", None, None), b"n"),
        (Served(5, 1, b"n", None, b"s", b"t"), b"n"),
        (STATE, b"m"),
    ],
)
def test_an_answer_is_kept_for_its_state_alone(other: tuple[Served, bytes]) -> None:
    assert asked_twice(AnswerCache(), (STATE, b"n"), (STATE, b"n"), other, other) == [0, 0, 1, 1]


def test_a_snapshot_from_before_takes_nothing_from_newer_ones() -> None:
    older = Served(4, 1, b"n", None, None, None)
    assert asked_twice(AnswerCache(), (STATE, b"n"), (older, b"n"), (STATE, b"n"), (older, b"n")) == [0, 1, 0, 2]


def test_a_failure_is_not_kept() -> None:
    cache, failing = AnswerCache(), iter((CountermarkError("now"),))

    def answer() -> str:
        for failure in failing:
            raise failure
        return "then"

    with pytest.raises(CountermarkError):
        cache.get(STATE, b"n", "what", answer)
    assert cache.get(STATE, b"n", "what", answer) == "then"


def test_only_so_many_answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_cache, "MAX_ANSWERS", 2)
    cache, made = AnswerCache(), list[str]()

    def get(what: str) -> None:
        cache.get(STATE, b"n", what, lambda: made.append(what))

    for what in ("a", "b", "a", "c", "a", "b"):
        get(what)
    assert made == ["a", "b", "c", "b"]
