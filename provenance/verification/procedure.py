"""The verification procedure. `docs/verification.md` carries the same numbers and titles, and a test compares them.

 1  Take the file in: its first bytes decide the type, its header bounds the decoding.
 2  Read its C2PA credential, against named trust lists, with the network off.
 3  Read the marks it declares (XMP, IPTC, EXIF, PNG text). Nobody signed those.
 4  Look up the SHA-256 of the bytes. A hit is EXACT_MATCH, and steps 6 and 7 are not needed.
 5  Decode once; look up the SHA-256 of the decoded pixels. Of registered bytes, the record states it.
 6  Ask the similarity index for candidates. A fingerprint hit is never a match by itself: targeted
    collisions can be computed for almost any pair of pictures.
 7  Compare with the sketch of each candidate that the picture is likely to show, and of others until two are not
    shown: align it, verify the geometry, find what differs. The first that
    holds is compared again with the stored picture, where the publisher lets one be kept, and so are matches that
    cover as much: at 512 pixels, and at full detail where something is suspected, or over the whole where that is
    asked for. What any of these looks sees is reported, with which of them saw it. Where something of the picture is
    unexplained, steps 6 and 7 are taken again with its local features, and then with those of parts of it, in more
    detail.
 8  Check the record of each match: it states what the lookup said, and its receipt holds.
 9  Establish the standing of each record: withdrawn, disputed, key revoked, other publishers' claims. Read what the
    closest one resembles: each registration is compared with those before it, by steps 4 to 7, so that no match hides
    an older registration of somebody else.
10  Judge: five axes and a headline, by fixed precedence.

Steps 1 to 3 and the decoding of step 5 parse a stranger's bytes, so the caller runs them confined:
`examine` is the function to run there, and
`compare_reference` for step 7. The caller still owes: trust lists that are current, the log
key from a source it trusts, and a comparison of the checkpoint with what others have seen.

What cannot be looked at becomes an entry of `not_checked`, a comparison that used up its processor time or lost its
worker among it; where nothing else is found, that is NOT_CHECKED. A registry that is merely busy or unavailable
(StoreUnavailable, Overloaded) fails the whole verification instead: the next try may know more.
"""

from collections.abc import Callable
from datetime import datetime

from provenance.credentials.reading import read_credentials
from provenance.credentials.trust import TrustSettings
from provenance.media.comparison import Comparison, DetailPair, Query, compare
from provenance.media.fingerprints import fingerprint
from provenance.media.marks import read_declared
from provenance.media.media import Media, Pixels
from provenance.media.sketch import Sketch
from provenance.message import Message
from provenance.verification.evidence import Examination, Subject
from provenance.verification.findings import resemblance
from provenance.verification.lookups import SIMILAR, Lookups
from provenance.verification.matcher import Matcher, SimilaritySearch
from provenance.verification.registrations import Reference, Registrations
from provenance.verification.verdict import Verdict, judge

_KNOWN = Message(
    "these bytes are registered, so the similarity index was not asked; what the record resembles is on file"
)


def examine(
    data: bytes,
    trust: TrustSettings,
    *,
    now: datetime,
    sha256: bytes | None = None,
    sidecar: bytes | None = None,
    pixels: bool = True,
) -> Examination:
    """Steps 1 to 3, and the decoding and hashing of steps 5 and 6 when `pixels` is asked for.

    Raises:
        MediaError: the bytes are no picture that can be read.
        CredentialSettingsInvalid: the trust lists are refused.
    """
    # 1. The type is sniffed and the size bounded before anything is decoded.
    media = Media.from_bytes(data, sha256=sha256)
    # 2.
    credential = read_credentials(data, media.media_type, trust, now=now, sidecar=sidecar)
    # 3.
    declared = read_declared(media)
    # 5. Decoded once: pixel digest, fingerprints and the canonical picture come from the same array.
    prints = fingerprint(media) if pixels else None
    return Examination(
        subject=Subject(
            media.sha256,
            len(data),
            media.media_type,
            media.width,
            media.height,
            media.frames,
            prints.appearance_parts if prints is not None else (),
        ),
        credential=credential,
        declared=declared,
        fingerprints=prints,
        canonical=media.canonical if pixels else None,
    )


def compare_reference(
    query: Query,
    reference: Reference,
    original: bytes | None = None,
    closest: Callable[[], Pixels] | None = None,
    *,
    whole: bool = False,
) -> Comparison:
    """Step 7, for one candidate.

    Args:
        query: the picture that was handed in.
        reference: what is stored of the candidate.
        original: the bytes of the stored picture, where it is looked at.
        closest: returns the picture that was handed in as `Media.closest` has it, for a look at full detail.
        whole: that look is taken over the whole; where False, where something is suspected.

    Raises:
        MediaError: what is stored of it is no picture that can be read.
    """
    sketch = Sketch.from_bytes(reference.sketch).pixels
    thumbnail = reference.thumbnail
    if original is None:
        return compare(query, sketch, larger=None if thumbnail is None else lambda: Media.from_bytes(thumbnail).pixels)
    stored = Media.from_bytes(original)
    return compare(
        query,
        sketch,
        lambda: stored.reduced,
        larger=None if thumbnail is None else lambda: Media.from_bytes(thumbnail).pixels,
        detail=None if closest is None else lambda: DetailPair(closest(), stored.closest),
        whole=whole,
    )


def verify_file(
    examination: Examination, registrations: Registrations, matcher: Matcher, *, full_detail: bool = False
) -> Verdict:
    """Steps 4 to 10 for a file whose bytes are at hand.

    `full_detail`: what the matcher was told to do in step 7; the verdict says where it could not be done.

    Raises:
        CountermarkError: a lookup failed, or the registry is busy or unavailable.
    """
    subject, prints, canonical = examination.subject, examination.fingerprints, examination.canonical
    lookups = Lookups(registrations)
    # 4.
    if lookups.look_up_bytes(subject.sha256):
        # 5.
        lookups.look_up_stated_pixels()
        lookups.skip(SIMILAR, _KNOWN)
    elif prints is not None and canonical is not None:
        # 5.
        lookups.look_up_pixels(prints.pixels_sha256, prints.appearance)
        # 6. and 7.
        similar = SimilaritySearch(lookups, matcher, canonical)
        similar.run(prints)
        if full_detail:
            similar.note_missing_detail()
    # 8. and 9.
    evidence = resemblance.with_older(lookups.evidence(subject, examination), registrations)
    # 10.
    return judge(evidence)


def verify_digests(
    subject: Subject, pdq: bytes | None, pdq_quality: int | None, registrations: Registrations
) -> Verdict:
    """Steps 4, 6 and 8 to 10 for digests alone: nothing was uploaded, so a fingerprint hit stays a lead.

    Args:
        pdq: 32 bytes, upright, if the caller has computed it.
        pdq_quality: 0 to 100; None where the caller does not know it.

    Raises:
        CountermarkError: as for `verify_file`.
    """
    lookups = Lookups(registrations)
    lookups.skip(Message("the file itself"), Message("only digests were handed in"))
    # 4.
    if lookups.look_up_bytes(subject.sha256):
        # 5.
        lookups.look_up_stated_pixels()
        lookups.skip(SIMILAR, _KNOWN)
    elif pdq is None:
        lookups.skip(SIMILAR, Message("no fingerprint was handed in"))
    else:
        # 6.
        lookups.skip(Message("mirrored and turned copies"), Message("only the upright fingerprint was handed in"))
        lookups.keep_leads(lookups.nearest(lookups.propose((pdq,), 100 if pdq_quality is None else pdq_quality)))
    # 8. and 9.
    evidence = resemblance.with_older(lookups.evidence(subject, None), registrations)
    # 10.
    return judge(evidence)
