"""A manifest store as c2pa describes it in JSON, judged: the active manifest, then every ingredient.

Everything in it but the status codes of this reading was written by strangers, the validation results that
an ingredient carries included: those are claims of the signer that added it. C2PA 2.2, section 15.11.
"""

import base64
import binascii
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice
from types import MappingProxyType
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import NameOID

from provenance.credentials.claim import (
    AI_DISCLOSURE_ASSERTION,
    MAKING_ACTIONS,
    REGISTRY_ASSERTION,
    SOFT_BINDING_ASSERTION,
    SoftBinding,
)
from provenance.credentials.claim_time_stamp import TimeStamp, check
from provenance.credentials.jumbf import ManifestFacts, Signature
from provenance.credentials.report import (
    CONTENT_PROBLEMS,
    EXCLUSION_ELSEWHERE,
    OTHER_FILE,
    UNKNOWN_PROBLEM,
    CertificateFacts,
    CredentialReport,
    CredentialState,
    IngredientReport,
    Validity,
)
from provenance.credentials.trust import UNREADABLE, TrustList, TrustSettings
from provenance.limits import MAX_CREDENTIAL_ITEMS, MAX_CREDENTIAL_TEXT, MAX_INGREDIENTS_DRAWN
from provenance.vocabulary import MACHINE, meaning_of_source_type

_UNTRUSTED = "signingCredential.untrusted"
_TRUSTED = "signingCredential.trusted"
_TIME_TRUSTED = "timeStamp.trusted"
_TIME_UNTRUSTED = "timeStamp.untrusted"
_REMOTE = "manifest.inaccessible"
_OUT_OF_TIME = frozenset({"signingCredential.expired", "claimSignature.outsideValidity"})
_CONTENT_MATCHES = frozenset(
    f"assertion.{kind}.match" for kind in ("dataHash", "bmffHash", "boxesHash", "collectionHash")
)
_SIGNER_ANCHOR = re.compile(r"signing certificate trusted, found in \[(?P<uri>[^\]]*)\] trust anchors")
_EXPIRED = "signingCredential.expired"
_DATA_HASH = "assertion.dataHash.mismatch"
_EXCLUSION = "exclusion does not match"  # c2pa's words where the credential stands elsewhere than it says
_NAMES = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
_ROLES = ("parentOf", "componentOf", "inputTo")  # from the closest relationship to the loosest
_ACTION_LISTS = ("c2pa.actions", "c2pa.actions.v2")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_Object = Mapping[str, object]


@dataclass(frozen=True)
class _Statuses:
    """Status codes of one manifest: what holds and what does not."""

    success: frozenset[str]
    failure: frozenset[str]

    @classmethod
    def of(cls, results: object) -> "_Statuses":
        found = _mapping(results)
        return cls(_codes(found.get("success")), _codes(found.get("failure")))

    def and_now(self, delta: "_Statuses") -> "_Statuses":
        """These, as recorded by another signer, with what this reading found different."""
        resolved = {_UNTRUSTED} if _TRUSTED in delta.success else set()
        return _Statuses(self.success | delta.success, (self.failure - resolved) | delta.failure)

    @property
    def beyond_trust(self) -> frozenset[str]:
        """Failures that c2pa does not tolerate: all but an unknown signer and anything about CAWG identities."""
        return frozenset(code for code in self.failure if code != _UNTRUSTED and not code.startswith("cawg."))

    def state(self) -> CredentialState:
        if not self.beyond_trust:
            trusted = _TRUSTED in self.success and _UNTRUSTED not in self.failure
            return CredentialState.TRUSTED if trusted else CredentialState.VALID_UNTRUSTED
        if self.beyond_trust <= _OUT_OF_TIME and "claimSignature.validated" in self.success:
            return CredentialState.WELL_FORMED_ONLY
        return CredentialState.INVALID


class ManifestStore:
    """The JSON that c2pa's reader gives. Raises `ValueError` when it is not of that form."""

    def __init__(self, description: object) -> None:
        store = _mapping(description)
        self._overall = store.get("validation_state")
        self._results = _mapping(store.get("validation_results"))
        self._manifests = _mapping(store.get("manifests"))
        active = store.get("active_manifest")
        if not isinstance(active, str) or active not in self._manifests:
            raise ValueError("no active manifest")
        self.active_id = active
        self._deltas = {
            str(delta.get("ingredientAssertionURI")): _Statuses.of(delta.get("validationDeltas"))
            for delta in map(_mapping, _items(self._results.get("ingredientDeltas")))
        }

    @property
    def trusts_ingredients(self) -> bool:
        """Whether any ingredient reads as trusted."""
        return any(found.state is CredentialState.TRUSTED for found in self._ingredients())

    def thumbnails(self) -> Iterator[str]:
        """Where the store has those of the nearest ingredients."""
        nearest = islice(self._ingredients(), MAX_INGREDIENTS_DRAWN)
        return filter(None, (self._thumbnail_of(found.description) for found in nearest))

    def _thumbnail_of(self, ingredient: _Object) -> str | None:
        """That which its signer took, else that of the ingredient's own manifest."""
        below = ingredient.get("active_manifest")
        own = self._manifests.get(below) if isinstance(below, str) else None
        for each in (ingredient, _mapping(own)):
            address = _mapping(each.get("thumbnail")).get("identifier")
            if isinstance(address, str):
                return address
        return None

    def report(
        self,
        trust: TrustSettings,
        facts: ManifestFacts | None,
        signers_alone: "ManifestStore | None",
        *,
        now: datetime,
        beside: bool = False,
        thumbnails: Mapping[str, bytes] = MappingProxyType({}),
    ) -> CredentialReport:
        """Everything that is reported about the file.

        Args:
            facts: of the active manifest; None when its boxes could not be walked.
            signers_alone: the same store, read with nothing but anchors for signers, where an ingredient reads
                as trusted and there are other anchors.
            now: as of `read_credentials`.
            beside: the store came beside the file.
            thumbnails: by their address in the store.
        """
        active = _mapping(self._manifests[self.active_id])
        signatures = facts.signatures if facts else {}
        signer = _Signer.of(signatures.get(self.active_id, Signature()), trust)
        state, problems = self._judge(trust, signer, now)
        fits = state.validated or state is CredentialState.WELL_FORMED_ONLY
        listed = self._signer_list(trust, signer) or signer.trust_list if fits else None
        if listed is not None:
            problems = tuple(code for code in problems if code != _UNTRUSTED)
        signers = {label: _Signer.of(each, trust) for label, each in signatures.items() if label != self.active_id}
        ingredients, left = _truncate(
            tuple(self._ingredient_reports(state, signers_alone, signers, now, thumbnails)), _weight
        )
        stamps, stamped = signer.time_stamps, signer.time
        if stamped is None and (by := self._time_list(trust)) is not None:
            stamped = _time(active)
            stamps = tuple(replace(each, trust_list=by.title) if each.time == stamped else each for each in stamps)
        report = CredentialReport(
            state=state,
            manifest_id=_text(self.active_id),
            claim_sha256=facts.claim_sha256 if facts else None,
            signer=_signer(active),
            certificate=signer.certificate,
            trust_list=listed.title if listed else None,
            validity=signer.validity(stamped, now, out=state is CredentialState.WELL_FORMED_ONLY) if fits else None,
            time_stamps=stamps,
            signed_at=stamped,
            ingredients=ingredients,
            unlisted=left,
            problems=self._causes(problems, beside=beside),
            redactions=self._redactions() if fits else (),
            padding_nonzero=facts.padding_nonzero if facts else None,
            identity_unchecked=any(label.startswith("cawg.identity") for label, _ in _assertions(active)),
        )
        return _with_statements(report, active) if state.validated else report

    def _judge(self, trust: TrustSettings, signer: "_Signer", now: datetime) -> tuple[CredentialState, tuple[str, ...]]:
        found = _Statuses.of(self._results.get("activeManifest"))
        state, problems = found.state(), set(found.failure)
        if state is CredentialState.TRUSTED and self._signer_list(trust, signer) is None:
            problems.add(_UNTRUSTED)
            state = CredentialState.VALID_UNTRUSTED
        if _TIME_TRUSTED in found.success and signer.time is None and self._time_list(trust) is None:
            problems.add(_TIME_UNTRUSTED)
            # c2pa has judged the certificate as of a time that nobody vouches for.
            if state.validated and not signer.in_force(now):
                problems.add(_EXPIRED)
                state = CredentialState.WELL_FORMED_ONLY
        if state.validated and "claimSignature.validated" not in found.success:
            state = CredentialState.INVALID
        if state is CredentialState.WELL_FORMED_ONLY and not found.success & _CONTENT_MATCHES:
            state = CredentialState.INVALID
        if self._overall not in ("Trusted", "Valid"):
            # Where no code of the active manifest says why, an ingredient was changed.
            elsewhere = frozenset[str]().union(*(delta.beyond_trust for delta in self._deltas.values()))
            if state.validated or elsewhere - _OUT_OF_TIME:
                state = CredentialState.INVALID
                problems |= elsewhere
        return state, tuple(sorted(problems))

    def _signer_list(self, trust: TrustSettings, signer: "_Signer") -> TrustList | None:
        # `trustListUri` cannot be used: it is overwritten by the list of an ingredient's signer.
        found = [_SIGNER_ANCHOR.fullmatch(text) for text in self._explanations(_TRUSTED)]
        # Without an address the certificate itself is on a list.
        lists = [
            (trust.list_with(match["uri"], "manifest") if match["uri"] else signer.trust_list) if match else None
            for match in found
        ]
        return lists[0] if lists and None not in lists else None

    def _redactions(self) -> tuple[str, ...]:
        """Addresses of the statements that any signer of the store says to have taken out of another's manifest."""
        manifests = map(_mapping, self._manifests.values())
        named = chain.from_iterable(_items(manifest.get("redactions")) for manifest in manifests)
        return tuple(dict.fromkeys(filter(None, map(_text, named))))[:MAX_CREDENTIAL_ITEMS]

    def _causes(self, problems: tuple[str, ...], *, beside: bool) -> tuple[str, ...]:
        """The codes, with what c2pa has one code for told apart."""
        if beside:
            return tuple(OTHER_FILE if code in CONTENT_PROBLEMS else code for code in problems)
        failures = map(_mapping, _items(_mapping(self._results.get("activeManifest")).get("failure")))
        said = [str(each.get("explanation")) for each in failures if each.get("code") == _DATA_HASH]
        if said and all(_EXCLUSION in each for each in said):
            return tuple(EXCLUSION_ELSEWHERE if code == _DATA_HASH else code for code in problems)
        return problems

    def _time_list(self, trust: TrustSettings) -> TrustList | None:
        """The list for time stamps that vouches for the time of the active manifest, as c2pa finds."""
        # The address stands at the end, after a name that a stranger chose.
        uris = [text.rpartition(", trust list: ")[2] for text in self._explanations(_TIME_TRUSTED)]
        lists = [trust.list_with(uri, "tsa") for uri in uris]
        return lists[0] if lists and None not in lists else None

    def _explanations(self, code: str) -> list[str]:
        """c2pa's sentences beside a code of success of the active manifest: the only place that names the anchor."""
        statuses = map(_mapping, _items(_mapping(self._results.get("activeManifest")).get("success")))
        return [str(status.get("explanation")) for status in statuses if status.get("code") == code]

    def _ingredients(self) -> "Iterator[_Ingredient]":
        """Every ingredient, nearest first, each manifest once: as many as the bounded text of the store holds."""
        seen = {self.active_id}
        queue = deque([(self.active_id, 1, _ROLES[0])])
        while queue:
            manifest_id, depth, role = queue.popleft()
            for ingredient in map(_mapping, _items(_mapping(self._manifests[manifest_id]).get("ingredients"))):
                uri = f"self#jumbf=/c2pa/{manifest_id}/c2pa.assertions/{ingredient.get('label')}"
                state, failure = self._ingredient_state(uri, ingredient)
                own = ingredient.get("relationship")
                here = max(role, own if own in _ROLES else "componentOf", key=_ROLES.index)
                yield _Ingredient(uri, ingredient, manifest_id, depth, here, state, failure)
                below = ingredient.get("active_manifest")
                if isinstance(below, str) and below in self._manifests and below not in seen:
                    seen.add(below)
                    queue.append((below, depth + 1, here))

    def _ingredient_state(self, uri: str, ingredient: _Object) -> tuple[CredentialState, frozenset[str]]:
        recorded = _Statuses.of(_mapping(ingredient.get("validation_results")).get("activeManifest"))
        older = _Statuses(frozenset(), _codes(ingredient.get("validation_status")))  # claims of version 1
        now = _Statuses(recorded.success, recorded.failure | older.failure)
        now = now.and_now(self._deltas.get(uri, _Statuses(frozenset(), frozenset())))
        manifest_id = ingredient.get("active_manifest")
        if isinstance(manifest_id, str) and manifest_id in self._manifests:
            return now.state(), now.failure
        if _REMOTE in now.failure:
            return CredentialState.REMOTE_ONLY, now.failure
        return (CredentialState.UNREADABLE if now.failure else CredentialState.ABSENT), now.failure

    def _ingredient_reports(
        self,
        active: CredentialState,
        signers_alone: "ManifestStore | None",
        signers: "Mapping[str, _Signer]",
        now: datetime,
        thumbnails: Mapping[str, bytes],
    ) -> Iterator[IngredientReport]:
        by_signers = {found.uri: found.state for found in signers_alone._ingredients()} if signers_alone else {}
        states = {self.active_id: active}
        for found in self._ingredients():
            state, failure, described = found.state, found.failure, found.description
            if state is CredentialState.TRUSTED and by_signers.get(found.uri, state) is not state:
                state, failure = CredentialState.VALID_UNTRUSTED, failure | {_UNTRUSTED}
            manifest_id = described.get("active_manifest")
            manifest = _mapping(self._manifests.get(manifest_id)) if isinstance(manifest_id, str) else {}
            signed_by = signers.get(manifest_id) if isinstance(manifest_id, str) else None
            if state.validated and signed_by is not None and not signed_by.in_force(now):
                state, failure = CredentialState.WELL_FORMED_ONLY, failure | {_EXPIRED}
                failure -= {_UNTRUSTED} if signed_by.trust_list is not None else set()
            if isinstance(manifest_id, str):
                states.setdefault(manifest_id, state)
            adder = states.get(found.within, CredentialState.ABSENT)
            origin = _Origin.of(manifest) if state.validated else _Origin()
            yield IngredientReport(
                title=_text(described.get("title")) or _text(described.get("label")) or "ingredient",
                state=state,
                problems=tuple(sorted(failure)),
                relationship=_text(described.get("relationship")),
                role=found.role,
                depth=found.depth,
                manifest_id=_text(manifest_id),
                remote_url=_remote_url(described) if state is CredentialState.REMOTE_ONLY else None,
                signer=_signer(manifest),
                digital_source_types=_truncate(origin.made, _says_machine)[0],
                later_source_types=_truncate(origin.later, _says_machine)[0],
                ai_models=origin.ai_models[:MAX_CREDENTIAL_ITEMS],
                assigned_source_type=_assigned_label(described) if adder.validated else None,
                assigned_by=adder,
                within=_text(found.within),
                thumbnail=thumbnails.get(self._thumbnail_of(described) or ""),
            )


@dataclass(frozen=True)
class _Ingredient:
    """An ingredient as it stands in the store: its address, who holds it, how deep, and what came of checking it."""

    uri: str
    description: _Object
    within: str
    depth: int
    role: str
    state: CredentialState
    failure: frozenset[str]


@dataclass(frozen=True)
class _Signer:
    """Who signed one manifest, as its certificates and time stamps say, checked with our lists alone.

    Attributes:
        trust_list: that the certificate is on, or its chain leads to, in force or not.
        time: the earliest of a time stamp that a list vouches for.
    """

    certificate: CertificateFacts | None = None
    trust_list: TrustList | None = None
    time_stamps: tuple[TimeStamp, ...] = ()
    time: datetime | None = None

    @classmethod
    def of(cls, signature: Signature, trust: TrustSettings) -> "_Signer":
        stamps = tuple(check(stamp, trust.time_anchors) for stamp in signature.stamps)
        vouched = [stamp.time for stamp in stamps if stamp.time is not None and stamp.trust_list is not None]
        return cls(
            certificate=_certificate(signature.chain),
            trust_list=trust.list_of_chain(signature.chain),
            time_stamps=tuple(TimeStamp(each.time, _text(each.authority), each.trust_list) for each in stamps),
            time=min(vouched, default=None),
        )

    def in_force(self, now: datetime) -> bool:
        """Whether the certificate was in force at the time that a list vouches for, or else is now."""
        moment = self.time or now
        return self.certificate is not None and (self.certificate.valid_from <= moment <= self.certificate.valid_until)

    def validity(self, stamped: datetime | None, now: datetime, *, out: bool) -> Validity | None:
        """`out`: it was found not to be in force."""
        if out:
            return Validity.NOT_IN_FORCE
        if self.certificate is None:
            return None
        if self.certificate.valid_from <= now <= self.certificate.valid_until:
            return Validity.IN_FORCE
        return Validity.IN_FORCE_WHEN_STAMPED if stamped is not None else Validity.NOT_IN_FORCE


@dataclass(frozen=True)
class _Origin:
    """What one manifest states about how its picture came about: all of it, each once, in order."""

    made: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    ai_models: tuple[str, ...] = ()

    @classmethod
    def of(cls, manifest: _Object) -> "_Origin":
        made: dict[str, None] = {}
        later: dict[str, None] = {}
        for number, action in enumerate(_actions(manifest)):
            if source_type := _text(action.get("digitalSourceType")):
                makes = number == 0 or action.get("action") in MAKING_ACTIONS
                (made if makes else later)[source_type] = None
        disclosed = (
            _text(_mapping(data).get("modelName")) or _text(_mapping(data).get("modelIdentifier")) or ""
            for label, data in _assertions(manifest)
            if label.partition("__")[0] == AI_DISCLOSURE_ASSERTION
        )
        return cls(tuple(made), tuple(each for each in later if each not in made), tuple(dict.fromkeys(disclosed)))


_T = TypeVar("_T")


def _truncate(items: tuple[_T, ...], weight: Callable[[_T], int]) -> tuple[tuple[_T, ...], int]:
    """The `MAX_CREDENTIAL_ITEMS` of the most weight, in their order, and how many are left out."""
    heaviest = sorted(range(len(items)), key=lambda at: -weight(items[at]))[:MAX_CREDENTIAL_ITEMS]
    return tuple(items[at] for at in sorted(heaviest)), len(items) - len(heaviest)


def _says_machine(source_type: str) -> int:
    return meaning_of_source_type(source_type) in MACHINE


def _weight(ingredient: IngredientReport) -> int:
    """What says that a machine had a part, then what does not hold, then the rest."""
    stated = (*ingredient.digital_source_types, *ingredient.later_source_types, ingredient.assigned_source_type or "")
    if ingredient.ai_models or any(map(_says_machine, stated)):
        return 2
    return not (ingredient.state.validated or ingredient.state is CredentialState.ABSENT)


def _with_statements(report: CredentialReport, manifest: _Object) -> CredentialReport:
    generator = _mapping(next(iter(_items(manifest.get("claim_generator_info"))), None))
    names = tuple(filter(None, (_text(action.get("action")) for action in _actions(manifest))))
    origin = _Origin.of(manifest)
    made, made_left = _truncate(origin.made, _says_machine)
    later, later_left = _truncate(origin.later, _says_machine)
    left = max(0, len(names) - MAX_CREDENTIAL_ITEMS) + max(0, len(origin.ai_models) - MAX_CREDENTIAL_ITEMS)
    registries = (
        _text(_mapping(data).get("url")) for label, data in _assertions(manifest) if label == REGISTRY_ASSERTION
    )
    return CredentialReport(
        **{
            **vars(report),
            "title": _text(manifest.get("title")),
            "generator": " ".join(filter(None, (_text(generator.get("name")), _text(generator.get("version")))))
            or None,
            "digital_source_types": made,
            "later_source_types": later,
            "ai_models": origin.ai_models[:MAX_CREDENTIAL_ITEMS],
            "actions": names[:MAX_CREDENTIAL_ITEMS],
            "unlisted": report.unlisted + made_left + later_left + left,
            "soft_bindings": tuple(islice(_soft_bindings(manifest), MAX_CREDENTIAL_ITEMS)),
            "registry_url": next(filter(None, registries), None),
        }
    )


def _assertions(manifest: _Object) -> Iterator[tuple[str, object]]:
    for assertion in map(_mapping, _items(manifest.get("assertions"))):
        yield str(assertion.get("label")), assertion.get("data")


def _actions(manifest: _Object) -> Iterator[_Object]:
    """All actions of a manifest, with those they name as related; templates last, for they state for others."""
    lists = [_mapping(data) for label, data in _assertions(manifest) if label.partition("__")[0] in _ACTION_LISTS]
    for name in ("actions", "templates"):
        for action in chain.from_iterable(map(_mapping, _items(each.get(name))) for each in lists):
            yield action
            yield from map(_mapping, _items(action.get("related")))


def _remote_url(ingredient: _Object) -> str | None:
    failures = _items(_mapping(_mapping(ingredient.get("validation_results")).get("activeManifest")).get("failure"))
    named = (each.get("url") for each in map(_mapping, failures) if each.get("code") == _REMOTE)
    return next(filter(None, map(_text, named)), None)


def _assigned_label(ingredient: _Object) -> str | None:
    """The source type that a signer gave an ingredient; c2pa spells the key otherwise than the specification."""
    return _text(ingredient.get("digital_source_type")) or _text(ingredient.get("digitalSourceType"))


def _soft_bindings(manifest: _Object) -> Iterator[SoftBinding]:
    for label, data in _assertions(manifest):
        if label.partition("__")[0] == SOFT_BINDING_ASSERTION:
            algorithm = _text(_mapping(data).get("alg"))
            for block in map(_mapping, _items(_mapping(data).get("blocks"))):
                value = _binding_value(block.get("value"))
                if algorithm and value:
                    yield SoftBinding(algorithm, value)


def _binding_value(value: object) -> bytes | None:
    """The bytes of a soft binding, however the signer wrote them: base64 text, plain text, or a list of bytes."""
    if isinstance(value, str) and len(value) <= MAX_CREDENTIAL_TEXT:
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return value.encode("utf-8", "replace")
    if isinstance(value, list) and len(value) <= MAX_CREDENTIAL_TEXT:
        written = all(isinstance(byte, int) and 0 <= byte <= 255 for byte in value)
        return bytes(value) if written else None
    return None


def _signer(manifest: _Object) -> str | None:
    info = _mapping(manifest.get("signature_info"))
    return ", ".join(filter(None, (_text(info.get("common_name")), _text(info.get("issuer"))))) or None


def _certificate(chain: Sequence[bytes]) -> CertificateFacts | None:
    try:
        certificate = x509.load_der_x509_certificate(chain[0])
        names = [certificate.subject.get_attributes_for_oid(oid) for oid in _NAMES]
        common, organisation = (_text(str(found[0].value)) if found else None for found in names)
        return CertificateFacts(common, organisation, certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except (IndexError, *UNREADABLE):
        return None


def _time(manifest: _Object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(_mapping(manifest.get("signature_info")).get("time"))).astimezone(UTC)
    except ValueError:
        return None


def _codes(statuses: object) -> frozenset[str]:
    codes = (str(status.get("code")) for status in map(_mapping, _items(statuses)))
    return frozenset(code if _CODE.fullmatch(code) else UNKNOWN_PROBLEM for code in codes)


def _mapping(value: object) -> _Object:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    """A stranger's text without what could not be shown: control characters, changes of direction, excess length."""
    if not isinstance(value, str):
        return None
    return "".join(filter(str.isprintable, value[: 2 * MAX_CREDENTIAL_TEXT]))[:MAX_CREDENTIAL_TEXT] or None
