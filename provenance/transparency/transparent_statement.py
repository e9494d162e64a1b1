"""A transparent statement: a statement that carries the receipts of the logs that have it.

RFC 9943 (SCITT). The receipts (RFC 9942) ride in unprotected header 394, which the publisher's signature does not
cover; the log entry is the statement without them:

    18([ protected, {394: [receipt, ...]}, payload, signature ])
"""

from dataclasses import dataclass
from typing import Self

from provenance.errors import MalformedReceipt, MalformedStatement
from provenance.limits import MAX_COSE_RECEIPT_BYTES, MAX_STATEMENT_RECEIPTS
from provenance.statement.cbor import CborReader, Major
from provenance.statement.cose import encode_sign1, read_protected
from provenance.statement.statement import STATEMENT_BYTES, parse_statement
from provenance.transparency import cose_receipt

_RECEIPTS = 394
_MAX_BYTES = STATEMENT_BYTES + MAX_STATEMENT_RECEIPTS * (MAX_COSE_RECEIPT_BYTES + 8)


@dataclass(frozen=True)
class TransparentStatement:
    """A statement and its receipts, of which nothing is checked but the form.

    Attributes:
        statement: the log entry (`statement.parse_statement`).
        receipts: 1 to 16 COSE receipts (`cose_receipt.parse`).
    """

    statement: bytes
    receipts: tuple[bytes, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the one encoding that `serialise` writes.

        Raises:
            MalformedStatement: the statement in it is none.
            MalformedReceipt: it holds no receipt, too many, or something else in their place.
        """
        if len(data) > _MAX_BYTES:
            raise MalformedReceipt(f"a transparent statement of more than {_MAX_BYTES} bytes")
        reader = CborReader(data)
        protected = read_protected(reader)
        reader.expect(Major.MAP, 1, "map of 1 unprotected header")
        reader.expect(Major.UNSIGNED, _RECEIPTS, "header 394 (receipts)")
        count = reader.head(Major.ARRAY, "receipts")
        if count > MAX_STATEMENT_RECEIPTS:
            raise MalformedReceipt(f"a statement has at most {MAX_STATEMENT_RECEIPTS} receipts")
        receipts = tuple(reader.byte_string("receipt") for _ in range(count))
        payload, signature = reader.byte_string("payload"), reader.byte_string("signature")
        reader.end("transparent statement")
        found = cls(encode_sign1(protected, {}, payload, signature), receipts)
        if found.serialise() != data:
            raise MalformedStatement("not in deterministic CBOR")
        return found

    def serialise(self) -> bytes:
        """The bytes that `parse` reads. Raises MalformedStatement, MalformedReceipt where it would refuse them."""
        parse_statement(self.statement)
        if not 1 <= len(self.receipts) <= MAX_STATEMENT_RECEIPTS:
            raise MalformedReceipt(f"a transparent statement has 1 to {MAX_STATEMENT_RECEIPTS} receipts")
        for receipt in self.receipts:
            cose_receipt.parse(receipt)
        reader = CborReader(self.statement)
        protected = read_protected(reader)
        reader.expect(Major.MAP, 0, "empty map of unprotected headers")
        payload, signature = reader.byte_string("payload"), reader.byte_string("signature")
        return encode_sign1(protected, {_RECEIPTS: list(self.receipts)}, payload, signature)
