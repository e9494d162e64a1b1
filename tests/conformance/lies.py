"""What a hostile log can say: each lie changes a truthful server, and names what has to come of it."""

import base64
import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from provenance.limits import MAX_NOTE_SIGNATURES, MAX_TREE_SIZE
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.transparency.tiles import entry_bundle, parse_entry_bundle
from tests import replies
from tests.logs.log import Log
from tests.logs.records import LOG
from tests.logs.server import Server
from tests.patience import EXPIRING_SECONDS, HUNG_SECONDS

BEFORE = 300
"""Entries of the log when the auditor saw it last."""

Arrange = Callable[[Server, Log], None]


@dataclass(frozen=True)
class Lie:
    """A lie about a log of 600 entries.

    Attributes:
        arrange: makes a truthful server tell it.
        outcome: `found`: the auditor can show that the log is wrong (exit status 1) · `incomplete`: no answer that it
            could check (3).
        told: what the auditor says of it, as a regular expression.
    """

    arrange: Arrange
    outcome: Literal["found", "incomplete"]
    told: str
    patience: float
    """Seconds that the auditor has for each file."""


LIES: dict[str, Lie] = {}


def lie(
    outcome: Literal["found", "incomplete"], told: str, *, patience: float = HUNG_SECONDS
) -> Callable[[Arrange], Arrange]:
    def register(arrange: Arrange) -> Arrange:
        LIES[arrange.__name__.replace("_", " ")] = Lie(arrange, outcome, told, patience)
        return arrange

    return register


# Roots and sizes --------------------------------------------------------------------------------


@lie("found", "root: the 600 entries do not lead to the root that is signed")
def a_signed_root_that_the_entries_do_not_have(server: Server, log: Log) -> None:
    server.serve("checkpoint", log.signed(bytes(32)))


@lie("found", "rolled back: the log shows 200 entries, and has signed 300")
def a_smaller_tree_than_before(server: Server, log: Log) -> None:
    server.publish(log.at(200))


@lie("found", "fork: the log has signed two roots for 300 entries")
def another_root_for_the_size_of_before(server: Server, log: Log) -> None:
    server.publish(log.at(BEFORE).with_entry(299, log.entries[400]))


@lie("found", "history: the first 300 entries have changed")
def another_history_that_is_whole_in_itself(server: Server, log: Log) -> None:
    server.publish(log.with_entry(270, log.entries[400]))


@lie("found", "history: the first 300 entries have changed")
def another_history_in_what_was_checked_before(server: Server, log: Log) -> None:
    server.publish(log.with_entry(10, log.entries[400]))


@lie("found", "rolled back")
def an_empty_log(server: Server, log: Log) -> None:
    server.publish(log.at(0))


@lie("found", "the log has no tile/1/000")
def the_largest_tree_that_can_be_written(server: Server, log: Log) -> None:
    server.serve("checkpoint", log.signed(bytes(32), MAX_TREE_SIZE))


# Checkpoints ------------------------------------------------------------------------------------


def edited(log: Log, old: bytes, new: bytes) -> bytes:
    """The checkpoint with other text, signed anew."""
    text = log.checkpoint.partition(b"\n\n")[0].decode() + "\n"
    changed = text.replace(old.decode(), new.decode(), 1)
    assert changed != text
    signature = b"\xe2\x80\x94 " + log.origin.encode() + b" "
    key_id = log.checkpoint.rpartition(b" ")[2]
    return changed.encode() + b"\n" + signature + _signed(key_id, changed.encode()) + b"\n"


def _signed(line: bytes, text: bytes) -> bytes:
    return base64.b64encode(base64.b64decode(line)[:4] + LOG.sign(text))


@lie("found", "checkpoint: .*signature by log.newsroom.example does not verify")
def a_signature_with_one_bit_flipped(server: Server, log: Log) -> None:
    head, _, line = log.checkpoint.rpartition(b" ")
    middle = len(line) // 2
    flipped = line[:middle] + (b"A" if line[middle : middle + 1] != b"A" else b"B") + line[middle + 1 :]
    server.serve("checkpoint", head + b" " + flipped)


@lie("found", "checkpoint: .*another log")
def a_checkpoint_of_another_origin_by_the_same_key(server: Server, log: Log) -> None:
    server.serve("checkpoint", replace(log, origin="log.other.example").checkpoint)


@lie("found", "checkpoint: .*no signature by a trusted key")
def a_checkpoint_by_another_key_of_the_same_name(server: Server, log: Log) -> None:
    server.serve("checkpoint", replace(log, signer=LocalSigner.generate(Algorithm.ED25519)).checkpoint)


@lie("found", "checkpoint: .*does not verify")
def a_second_signature_line_by_the_log_that_is_none(server: Server, log: Log) -> None:
    _, _, line = log.checkpoint.rpartition(b"\xe2\x80\x94 ")
    name, _, _ = line.partition(b" ")
    forged = _signed(line.partition(b" ")[2].strip(), b"another text")
    server.serve("checkpoint", log.checkpoint + b"\xe2\x80\x94 " + name + b" " + forged + b"\n")


@lie("found", "checkpoint: .*signature lines")
def a_checkpoint_that_nobody_signed(server: Server, log: Log) -> None:
    server.serve("checkpoint", log.checkpoint.partition(b"\n\n")[0] + b"\n\n")


@lie("found", "checkpoint: .*leading zeros")
def a_size_with_a_leading_zero(server: Server, log: Log) -> None:
    server.serve("checkpoint", edited(log, b"\n600\n", b"\n0600\n"))


@lie("found", "checkpoint: .*leading zeros")
def a_negative_size(server: Server, log: Log) -> None:
    server.serve("checkpoint", edited(log, b"\n600\n", b"\n-600\n"))


@lie("found", "checkpoint: .*base64")
def a_root_in_another_spelling_of_base64(server: Server, log: Log) -> None:
    root = log.checkpoint.split(b"\n")[2]
    server.serve("checkpoint", edited(log, root, root.rstrip(b"=") + b" "))


@lie("found", "checkpoint: .*control character")
def a_checkpoint_with_carriage_returns(server: Server, log: Log) -> None:
    server.serve("checkpoint", edited(log, b"\n600\n", b"\r\n600\r\n"))


@lie("found", "checkpoint: .*signatures")
def more_signature_lines_than_a_note_has(server: Server, log: Log) -> None:
    stranger = b"\xe2\x80\x94 stranger.example AAAAAAAA\n"
    server.serve("checkpoint", log.checkpoint + stranger * MAX_NOTE_SIGNATURES)


@lie("found", "checkpoint: .*blank line")
def json_in_the_place_of_a_checkpoint(server: Server, _: Log) -> None:
    server.answers["/log/checkpoint"] = replies.says({"size": 600})


# Entries ----------------------------------------------------------------------------------------

LAST = "tile/entries/002.p/88"
SECOND = "tile/entries/001"


def bundle(server: Server, log: Log, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Serve other entries in the second bundle."""
    server.serve(SECOND, entry_bundle(change(parse_entry_bundle(log.files[SECOND]))))


@lie("found", "root: the 600 entries do not lead")
def an_entry_with_other_bytes(server: Server, log: Log) -> None:
    bundle(server, log, lambda entries: [*entries[:200], log.entries[3], *entries[201:]])


@lie("found", "root: the 600 entries do not lead")
def two_entries_that_changed_places(server: Server, log: Log) -> None:
    bundle(server, log, lambda entries: [*entries[:200], entries[201], entries[200], *entries[202:]])


@lie("found", "entries: tile/entries/001: an entry bundle of 255 entries")
def a_bundle_that_lacks_an_entry(server: Server, log: Log) -> None:
    bundle(server, log, lambda entries: entries[:-1])


@lie("found", "entries: tile/entries/001: an entry bundle has at most 256")
def a_bundle_with_an_entry_too_many(server: Server, log: Log) -> None:
    server.serve(SECOND, log.files[SECOND] + entry_bundle([log.entries[0]]))


@lie("found", "entries: tile/entries/002.p/88: an entry bundle ends within an entry")
def a_bundle_that_is_cut_off(server: Server, log: Log) -> None:
    server.serve(LAST, log.files[LAST][:-1])


@lie("found", "entries: tile/entries/002.p/88: an entry bundle ends within an entry")
def an_entry_that_is_longer_than_its_bundle(server: Server, log: Log) -> None:
    server.serve(LAST, b"\xff\xff" + log.files[LAST][2:])


@lie("found", "entries: the log has no tile/entries/001")
def a_bundle_that_is_not_there(server: Server, _: Log) -> None:
    server.drop(SECOND)


@lie("found", "statement: entry 400 is no statement")
def an_entry_that_is_no_statement(server: Server, log: Log) -> None:
    server.publish(log.with_entry(400, b"hello"))


@lie("found", "statement: entry 400 is no statement: 1 bytes follow")
def a_statement_with_bytes_after_it(server: Server, log: Log) -> None:
    server.publish(log.with_entry(400, log.entries[400] + b"\x00"))


@lie("found", "statement: entry 400 is no statement")
def a_statement_in_another_encoding(server: Server, log: Log) -> None:
    tag, rest = log.entries[400][:1], log.entries[400][1:]
    assert tag == b"\xd2"
    server.publish(log.with_entry(400, b"\xd8\x12" + rest))  # tag 18 in two bytes: CBOR, and not the shortest


# Hash tiles -------------------------------------------------------------------------------------


@lie("found", "tile: tile/0/001 does not have the hashes of the entries")
def a_tile_with_another_hash(server: Server, log: Log) -> None:
    server.serve("tile/0/001", bytes(32) + log.files["tile/0/001"][32:])


@lie("found", "tile: tile/0/001 has 8191 bytes")
def a_tile_that_lacks_a_byte(server: Server, log: Log) -> None:
    server.serve("tile/0/001", log.files["tile/0/001"][:-1])


@lie("found", "tile: tile/0/002.p/88 has 0 bytes")
def a_tile_of_width_0(server: Server, _: Log) -> None:
    server.serve("tile/0/002.p/88", b"")


@lie("incomplete", "more than 8,192 bytes")
def a_tile_with_a_hash_too_many(server: Server, log: Log) -> None:
    server.serve("tile/0/001", log.files["tile/0/001"] + bytes(32))


@lie("found", "tile: tile/1/000.p/2 does not have the hashes of the entries")
def an_upper_tile_with_another_hash(server: Server, log: Log) -> None:
    server.serve("tile/1/000.p/2", bytes(32) + log.files["tile/1/000.p/2"][32:])


@lie("found", "tile: the log has no tile/0/001")
def a_tile_that_is_not_there(server: Server, _: Log) -> None:
    server.drop("tile/0/001")


@lie("found", "tile: tile/0/002 has 64 bytes")
def a_full_tile_in_the_place_of_a_partial_one_that_is_not_full(server: Server, _: Log) -> None:
    server.drop("tile/0/002.p/88")
    server.serve("tile/0/002", bytes(64))


@lie("found", "tile: tile/0/001 has 2 bytes")
def json_in_the_place_of_a_tile(server: Server, _: Log) -> None:
    server.answers["/log/tile/0/001"] = replies.says({})


# The way there ----------------------------------------------------------------------------------


@lie("incomplete", "more than 8,192 bytes")
def a_tile_that_never_ends(server: Server, _: Log) -> None:
    server.answers["/log/tile/0/001"] = replies.never_ends()


@lie("incomplete", "more than 1,000,000 bytes")
def a_checkpoint_that_never_ends(server: Server, _: Log) -> None:
    server.answers["/log/checkpoint"] = replies.never_ends()


@lie("incomplete", "more than 16,777,472 bytes")
def a_bundle_that_never_ends(server: Server, _: Log) -> None:
    server.answers[f"/log/{SECOND}"] = replies.never_ends(chunk=bytes(1_000_000))


@lie("incomplete", "more than 8,192 bytes")
def a_small_answer_that_unpacks_to_a_giant_one(server: Server, _: Log) -> None:
    packed = gzip.compress(bytes(200_000_000), 1)
    server.answers["/log/tile/0/001"] = replies.says(packed, Content_Encoding="gzip")


@lie("incomplete", "no response")
def an_answer_that_says_it_is_packed_and_is_not(server: Server, log: Log) -> None:
    server.answers["/log/tile/0/001"] = replies.says(log.files["tile/0/001"], Content_Encoding="gzip")


@lie("incomplete", "/tile/0/001 was not complete within", patience=5 * EXPIRING_SECONDS)
def an_answer_that_drips(server: Server, _: Log) -> None:
    server.answers["/log/tile/0/001"] = replies.drips(b"HTTP/1.1 200 OK\r\nContent-Length: 8192\r\n\r\n", b"\x00")


@lie("incomplete", "/checkpoint was not complete within", patience=5 * EXPIRING_SECONDS)
def headers_that_drip(server: Server, _: Log) -> None:
    server.answers["/log/checkpoint"] = replies.drips(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a")


@lie("incomplete", "no response")
def fewer_bytes_than_the_header_says(server: Server, _: Log) -> None:
    server.answers["/log/tile/0/001"] = replies.stops_half_way


@lie("incomplete", "no response")
def something_that_is_no_http(server: Server, _: Log) -> None:
    server.answers["/log/tile/0/001"] = replies.babbles


@lie("incomplete", "no response")
def a_connection_that_ends_at_once(server: Server, _: Log) -> None:
    server.answers["/log/tile/0/001"] = replies.breaks


@lie("incomplete", "status 307")
def a_redirect_to_elsewhere(server: Server, _: Log) -> None:
    elsewhere = f"{server.url}/elsewhere"
    server.answers["/log/checkpoint"] = replies.says(b"", 307, "text/plain", Location=elsewhere)


@lie("incomplete", "a web page instead of checkpoint")
def a_web_page_in_the_place_of_a_checkpoint(server: Server, _: Log) -> None:
    server.answers["/log/checkpoint"] = replies.says(b"<html>Welcome to the hotel</html>", media_type="text/html")


@lie("incomplete", "status 500")
def an_error_for_ever(server: Server, _: Log) -> None:
    server.answers["/log/tile/0/001"] = replies.says(b"oops", 500, "text/plain")


@lie("incomplete", "status 429")
def a_wait_of_a_year(server: Server, _: Log) -> None:
    server.answers["/log/tile/0/001"] = replies.says(b"later", 429, "text/plain", Retry_After="31536000")


@lie("incomplete", "no checkpoint")
def no_checkpoint(server: Server, _: Log) -> None:
    server.drop("checkpoint")
