"""A registry that lies: each lie is refused, by a sentence that names it, and nothing of the answer is shown."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from countermark import Client
from starlette.responses import RedirectResponse, Response, StreamingResponse

from demo.alterations import PHOTOS
from provenance.statement.keys import Algorithm, LocalSigner
from tests.e2e.extension.between import Asked, Between, Change, Reply, running_between, truthful
from tests.e2e.extension.browsers import ExtendedBrowser
from tests.e2e.extension.reader import Reader
from tests.e2e.pages.pictures import altered_picture, encode
from tests.patience import HUNG_SECONDS

TITLE = "A stream in the beech wood"
STREAM = (PHOTOS / "stream.jpg").read_bytes()
UNKNOWN = (PHOTOS / "dandelions.jpg").read_bytes()
WITHDRAWN = (PHOTOS / "coffee.png").read_bytes()
DESCRIPTION, LOOKUPS, REPORT, CHECKPOINT = "/.well-known", "/v1/lookups", "/v1/verifications", "/log/checkpoint"
RECEIPT, THUMBNAIL = r"/v1/.*/receipt", r"/v1/.*/thumbnail"


def in_json(change: Callable[[Any], object]) -> Callable[[Between], Change]:
    """The answer with its JSON changed in place."""

    def lie(_: Between) -> Change:
        def told(_: Asked, reply: Reply) -> Reply:
            said = reply.json
            change(said)
            return reply.says(said)

        return told

    return lie


def setting(path: str, value: object) -> Callable[[Between], Change]:
    """The answer with one member of its JSON replaced: "matches.0.asset.title"."""

    def change(said: Any) -> None:
        *parents, name = path.split(".")
        for each in parents:
            said = said[int(each)] if each.isdigit() else said[each]
        said[int(name) if name.isdigit() else name] = value

    return in_json(change)


def answering(make: Callable[[Between], object]) -> Callable[[Between], Change]:
    """Another answer altogether."""

    def lie(between: Between) -> Change:
        def told(_: Asked, reply: Reply) -> Reply | Response:
            made = make(between)
            return made if isinstance(made, Response) else dataclasses.replace(reply.says(made), status=200)

        return told

    return lie


def missing(_: Between) -> Change:
    return lambda _, reply: dataclasses.replace(reply, status=404)


def endless(_: Between) -> Response:
    def drops() -> Iterator[bytes]:
        while True:
            yield b" " * 1_000_000

    return StreamingResponse(drops(), media_type="application/json")


def checkpoint(make: Callable[[Between], str]) -> Callable[[Between], Change]:
    """A look-up under another checkpoint."""

    def lie(between: Between) -> Change:
        return lambda _, reply: reply.says(reply.json | {"checkpoint": make(between)})

    return lie


def larger(between: Between) -> str:
    return between.signed(between.checkpoint().size + 1, b"\x01" * 32)


def forked(between: Between) -> str:
    return between.signed(between.checkpoint().size, b"\x01" * 32)


def shrunk(between: Between) -> str:
    return between.signed(1, b"\x01" * 32)


def signed_by_another(between: Between) -> str:
    shown = between.checkpoint()
    return between.signed(shown.size, shown.root, LocalSigner.generate(Algorithm.ED25519))


def of_another_log(between: Between) -> str:
    return forked(between).replace(between.origin, "log.example")


def both_names(said: Any) -> None:
    for wording in said["headline"]["wordings"]:
        wording["lead"] = wording["lead"].replace("The Test Daily", "A Famous Agency")


def no_vouching(said: Any) -> None:
    for wording in said["headline"]["wordings"]:
        wording["vouched"] = None


def stands(said: Any) -> None:
    said["matches"][0]["standing"] = {"value": "current", "detail": "The registration stands."}


def equal(said: Any) -> None:
    said["headline"]["code"] = said["axes"]["registration"]["value"] = "MATCH_NO_DIFFERENCE_FOUND"


def exact(said: Any) -> None:
    said["headline"]["code"] = said["axes"]["registration"]["value"] = "EXACT_MATCH"


def denied(said: Any) -> None:
    said["headline"]["code"], said["axes"]["registration"]["value"] = "NOTHING_FOUND", "NO_MATCH_FOUND"
    said["matches"] = []


def reads_the_unseen(said: Any) -> None:
    said["axes"]["credential"]["value"] = "TRUSTED"


def twice(said: Any) -> None:
    said["items"] *= 2


def altered_statement(between: Between) -> Change:
    def told(_: Asked, reply: Reply) -> Reply:
        receipt = reply.json
        statement = receipt["subject"]["statement"]
        receipt["subject"]["statement"] = statement[:-8] + ("A" if statement[-8] != "A" else "B") + statement[-7:]
        return reply.says(json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False))

    del between
    return told


def altered_proof(between: Between) -> Change:
    def told(_: Asked, reply: Reply) -> Reply:
        receipt = reply.json
        lines = receipt["subject"]["proof"].split("\n")
        lines[2] = ("A" if lines[2][0] != "A" else "B") + lines[2][1:]
        receipt["subject"]["proof"] = "\n".join(lines)
        return reply.says(json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False))

    del between
    return told


def receipt_of_another(between: Between) -> Change:
    assert between.service is not None
    with Client(between.service.url) as client:
        others = [each for each in client.assets() if each.title != TITLE]
        receipt = client.receipt(others[0].id)
    return lambda _, reply: reply.says(bytes(receipt) if isinstance(receipt, (bytes, bytearray)) else receipt)


def for_other_bytes(between: Between) -> Change:
    """What the registry says of the stream, said of whatever was asked about."""

    def told(asked: Asked, reply: Reply) -> Reply:
        digest = json.loads(asked.body)
        wanted = digest["items"][0]["sha256"] if "items" in digest else digest["sha256"]
        known = hashlib.sha256(STREAM).hexdigest()
        assert between.service is not None
        honest = httpx2.post(
            f"{between.service.url}{asked.path}",
            json={"items": [{"sha256": known}]} if "items" in digest else {"sha256": known},
            timeout=HUNG_SECONDS,
        )
        said = honest.json()
        (said["items"][0] if "items" in said else said["input"])["sha256"] = wanted
        return reply.says(said)

    return told


@dataclass(frozen=True)
class Lie:
    """`what` is done while somebody `does` something, and has its `sentence`; `path`: which answers change."""

    what: str
    does: str
    path: str
    change: Callable[[Between], Change]
    sentence: str


LIES = [
    # What it is
    Lie(
        "its interface is elsewhere",
        "enters",
        DESCRIPTION,
        setting("api", "https://elsewhere.example"),
        "refused_elsewhere",
    ),
    Lie(
        "its log is elsewhere",
        "enters",
        DESCRIPTION,
        setting("log", "https://elsewhere.example/log"),
        "refused_elsewhere",
    ),
    Lie(
        "it redirects",
        "enters",
        DESCRIPTION,
        answering(lambda _: RedirectResponse("https://elsewhere.example/")),
        "refused_elsewhere",
    ),
    Lie("it is a page", "enters", DESCRIPTION, answering(lambda _: "<!doctype html><p>Hello"), "refused_no_registry"),
    Lie("it is another kind of JSON", "enters", DESCRIPTION, answering(lambda _: []), "refused_malformed"),
    Lie(
        "it is of a version to come",
        "enters",
        DESCRIPTION,
        in_json(lambda said: (said.pop("limits"), said.update(version="9.0"))),
        "refused_version",
    ),
    Lie(
        "its key is another log's",
        "enters",
        DESCRIPTION,
        setting("log_keys", ["log.example/countermark+25b33dc8+AQQsav5k2d1cDVHQAl9uK/oemEYAl5RoDk91cWoX75bU"]),
        "refused_key",
    ),
    Lie("its key is none", "enters", DESCRIPTION, setting("log_keys", ["trust me"]), "refused_no_key"),
    Lie(
        "its first checkpoint is signed by somebody else",
        "enters",
        CHECKPOINT,
        answering(signed_by_another),
        "refused_checkpoint",
    ),
    # What a prefix leads to
    Lie(
        "its log has another name than when it was entered",
        "asks by prefix",
        DESCRIPTION,
        setting("origin", "log.example"),
        "refused_other_log",
    ),
    Lie(
        "it wants more digits than its size needs",
        "asks by prefix",
        DESCRIPTION,
        setting("limits.prefix_digits", 4),
        "refused_prefix",
    ),
    Lie("it lists files of another prefix", "asks by prefix", LOOKUPS, setting("prefix", "ab"), "refused_other_file"),
    Lie("it lists a file twice", "asks by prefix", LOOKUPS, in_json(twice), "refused_other_file"),
    # What digests lead to
    Lie("it answers about another file", "clicks", LOOKUPS, setting("items.0.sha256", "ab" * 32), "refused_other_file"),
    Lie("it answers about two files", "clicks", LOOKUPS, in_json(twice), "refused_other_file"),
    Lie("it answers about none", "clicks", LOOKUPS, setting("items", []), "refused_other_file"),
    Lie(
        "it redirects the question",
        "clicks",
        LOOKUPS,
        answering(lambda _: RedirectResponse("https://elsewhere.example/")),
        "refused_elsewhere",
    ),
    Lie("it sends without an end", "clicks", LOOKUPS, answering(endless), "refused_endless"),
    Lie(
        "it found it by a feeling",
        "clicks",
        LOOKUPS,
        setting("items.0.matches.0.basis", "feeling"),
        "refused_malformed",
    ),
    Lie(
        "it calls a stranger near",
        "clicks",
        LOOKUPS,
        in_json(lambda said: said["items"][0]["matches"][0].update(basis="pdq", distance=90)),
        "refused_far",
    ),
    Lie(
        "it compares a fingerprint that it was not told",
        "clicks",
        LOOKUPS,
        in_json(lambda said: said["items"][0]["matches"][0].update(basis="pdq", distance=3)),
        "refused_unseen",
    ),
    Lie(
        "it names an entry that its log has not",
        "clicks",
        LOOKUPS,
        setting("items.0.matches.0.index", 10**6),
        "refused_uncovered",
    ),
    # Its log
    Lie("its log forks", "clicks", LOOKUPS, checkpoint(forked), "alarm_fork"),
    Lie("its log shrinks", "clicks", LOOKUPS, checkpoint(shrunk), "alarm_shrank"),
    Lie("its log is signed with another key", "clicks", LOOKUPS, checkpoint(signed_by_another), "alarm_other_key"),
    Lie("its log grows, and shows not how", "clicks", LOOKUPS, checkpoint(larger), "refused_checkpoint"),
    Lie("its checkpoint is of another log", "clicks", LOOKUPS, checkpoint(of_another_log), "refused_checkpoint"),
    Lie(
        "its checkpoint is no checkpoint", "clicks", LOOKUPS, setting("checkpoint", "all is well"), "refused_checkpoint"
    ),
    # Its report
    Lie("it reports on another file", "clicks", REPORT, setting("input.sha256", "ab" * 32), "refused_other_file"),
    Lie(
        "its headline is not what it found",
        "clicks",
        REPORT,
        setting("headline.code", "NOTHING_FOUND"),
        "refused_contradiction",
    ),
    Lie("it denies in the report what it listed", "clicks", REPORT, in_json(denied), "refused_contradiction"),
    Lie("it has read a file that it was not sent", "clicks", REPORT, in_json(reads_the_unseen), "refused_unseen"),
    Lie(
        "it names another publisher",
        "clicks",
        REPORT,
        setting("matches.0.asset.publisher.name", "A Famous Agency"),
        "refused_record",
    ),
    Lie(
        "it states another title",
        "clicks",
        REPORT,
        setting("matches.0.asset.title", "A river elsewhere"),
        "refused_record",
    ),
    Lie(
        "it states another date",
        "clicks",
        REPORT,
        setting("matches.0.asset.claimed_at", "2001-01-01T00:00:00Z"),
        "refused_record",
    ),
    Lie(
        "it states another way in which the name was checked",
        "clicks",
        REPORT,
        setting("matches.0.asset.publisher.identity.established", "domain-verified"),
        "refused_record",
    ),
    Lie("its words name somebody else", "clicks", REPORT, in_json(both_names), "refused_name"),
    Lie("its words leave out who vouches", "clicks", REPORT, in_json(no_vouching), "refused_name"),
    Lie("it keeps silent about a withdrawal", "clicks what was withdrawn", REPORT, in_json(stands), "refused_standing"),
    Lie(
        "it gives bytes to a record that are not its",
        "clicks what is unknown",
        f"{LOOKUPS}|{REPORT}",
        for_other_bytes,
        "refused_step",
    ),
    # The receipt, and the registered picture
    Lie("it has no receipt", "clicks", RECEIPT, missing, "refused_no_receipt"),
    Lie("its receipt is another record's", "clicks", RECEIPT, receipt_of_another, "refused_other_record"),
    Lie(
        "its receipt is cut short",
        "clicks",
        RECEIPT,
        lambda _: lambda _, reply: reply.says(reply.body[:-40]),
        "refused_receipt",
    ),
    Lie("its receipt's statement is signed otherwise", "clicks", RECEIPT, altered_statement, "refused_step"),
    Lie("its receipt's proof leads elsewhere", "clicks", RECEIPT, altered_proof, "refused_step"),
    Lie(
        "its receipt is elsewhere",
        "clicks",
        REPORT,
        setting("matches.0.asset.links.receipt", "//elsewhere.example/receipt"),
        "refused_elsewhere",
    ),
    Lie(
        "its picture is elsewhere",
        "clicks",
        REPORT,
        setting("matches.0.asset.links.thumbnail", "https://elsewhere.example/a.png"),
        "refused_elsewhere",
    ),
    Lie(
        "its page is a script",
        "clicks",
        REPORT,
        setting("matches.0.asset.links.page", "javascript:alert(1)"),
        "refused_elsewhere",
    ),
    Lie("it shows another picture", "clicks", THUMBNAIL, answering(lambda _: UNKNOWN), "refused_picture"),
    Lie(
        "it shows a page as the picture",
        "clicks",
        THUMBNAIL,
        answering(lambda _: "<!doctype html><p>Hello"),
        "refused_picture",
    ),
    # A picture that was sent
    Lie("it hides that something differs", "sends", REPORT, in_json(equal), "refused_contradiction"),
    Lie(
        "it leads with an older registration that it does not show",
        "sends",
        REPORT,
        setting("older_registration", "ab" * 32),
        "refused_contradiction",
    ),
    Lie("it calls an edited copy the same bytes", "sends", REPORT, in_json(exact), "refused_contradiction"),
    Lie(
        "its box is outside of the picture",
        "sends",
        REPORT,
        setting("matches.0.comparison.regions.0.query.right", 1.5),
        "refused_malformed",
    ),
    Lie(
        "its overlay is elsewhere",
        "sends",
        REPORT,
        setting("matches.0.difference_url", "//elsewhere.example/d.png"),
        "refused_elsewhere",
    ),
]


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    with running_between(tmp_path_factory.mktemp("between")) as between:
        assert between.service is not None
        with Client(between.service.url, api_key=between.service.api_key, timeout=HUNG_SECONDS) as client:
            client.register(PHOTOS / "stream.jpg", title=TITLE)
            withdrawn = client.register(PHOTOS / "coffee.png", title="A cup of coffee")
            client.withdraw(withdrawn.id, "It shows another cup")
        yield between


@pytest.fixture(scope="module")
def reader(extended: ExtendedBrowser) -> Reader:
    return Reader(extended)


@pytest.fixture
def entered(reader: Reader, between: Between) -> Reader:
    """A reader who has just entered the registry, which tells the truth so far."""
    between.change = truthful
    reader.empty()
    assert reader.enter(between.url) is None
    return reader


def tell(between: Between, lie: Lie) -> None:
    change = lie.change(between)
    between.change = lambda asked, reply: change(asked, reply) if re.match(lie.path, asked.path) else reply


def act(reader: Reader, between: Between, lie: Lie) -> str:
    match lie.does:
        case "asks by prefix":
            reader.keep("asking", "prefix")
            tell(between, lie)
            return reader.check(STREAM)
        case "sends":
            reader.check(encode(altered_picture(), "JPEG", quality=85))
            tell(between, lie)
            return reader.send()
        case does:
            tell(between, lie)
            pictures = {"clicks what was withdrawn": WITHDRAWN, "clicks what is unknown": UNKNOWN}
            return reader.check(pictures.get(does, STREAM))


def test_there_are_more_than_25_lies_and_each_has_a_name() -> None:
    assert len({lie.what for lie in LIES}) == len(LIES) > 25


@pytest.mark.parametrize("lie", [each for each in LIES if each.does == "enters"], ids=lambda lie: lie.what)
def test_a_registry_that_lies_when_it_is_entered_is_not_kept(reader: Reader, between: Between, lie: Lie) -> None:
    reader.empty()
    tell(between, lie)
    assert reader.enter(between.url) == lie.sentence
    assert reader.kept("registries") is None
    assert reader.kept(f"log:{between.origin}") is None


@pytest.mark.parametrize("lie", [each for each in LIES if each.does != "enters"], ids=lambda lie: lie.what)
def test_a_lie_is_refused_and_named(entered: Reader, between: Between, lie: Lie) -> None:
    told = act(entered, between, lie)
    at = 0
    for part in entered.parts(lie.sentence, host=between.host, origin=between.origin):
        assert part in told[at:]
        at = told.index(part, at)
    assert "registered on" not in told
    assert not entered.has(".answer .stage")
    assert not entered.has(".answer h2[data-code]")
    between.change = truthful
    assert entered.watched == []


def test_without_a_lie_the_same_registry_is_believed(entered: Reader, between: Between) -> None:
    told = entered.check(STREAM)
    assert "Byte for byte a registered file" in told
    assert "10 of 11 steps hold" in told
    assert entered.has(".answer .stage")
