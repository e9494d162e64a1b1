"""What a claim states about a picture, in the vocabulary of C2PA and IPTC.

C2PA 2.2: claim (section 10), actions (18.12), soft binding (18.9); IPTC NewsCodes "digitalsourcetype".
c2pa itself accepts any word in most of these places, so the vocabulary is checked here.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from provenance.errors import CredentialSigningFailed, MalformedRecord
from provenance.limits import MAX_CREDENTIAL_ITEMS, MAX_CREDENTIAL_TEXT
from provenance.vocabulary import source_type_iri

REGISTRY_ASSERTION = "org.countermark.registry"
"""Label of our assertion that holds the registry's address: `{"url": "https://…"}`."""

SOFT_BINDING_ASSERTION = "c2pa.soft-binding"
ACTIONS_ASSERTION = "c2pa.actions.v2"

AI_DISCLOSURE_ASSERTION = "c2pa.ai-disclosure"
"""Label of a statement about the AI model that had a part (C2PA 2.4)."""

MAKING_ACTIONS = ("c2pa.created", "c2pa.opened")
"""The actions that can come first: they state how the picture came about, all others what was done to it then."""

_LATER_ACTIONS = frozenset(
    {
        "c2pa.addedText",
        "c2pa.adjustedColor",
        "c2pa.changedSpeed",
        "c2pa.converted",
        "c2pa.cropped",
        "c2pa.deleted",
        "c2pa.drawing",
        "c2pa.dubbed",
        "c2pa.edited",
        "c2pa.edited.metadata",
        "c2pa.enhanced",
        "c2pa.filtered",
        "c2pa.orientation",
        "c2pa.placed",
        "c2pa.published",
        "c2pa.redacted",
        "c2pa.removed",
        "c2pa.repackaged",
        "c2pa.resized",
        "c2pa.resized.proportional",
        "c2pa.transcoded",
        "c2pa.translated",
        "c2pa.trimmed",
        "c2pa.unknown",
        "c2pa.watermarked",
        "c2pa.watermarked.bound",
        "c2pa.watermarked.unbound",
    }
)
_OWN_ACTION = re.compile(r"(?!c2pa\.)[a-z][a-z0-9-]*(\.[A-Za-z0-9_-]+){2,}")  # reverse-DNS
_PARENT = "parent"
_STATED = "stated"  # and a number: the label of a stated ingredient
SPECIFICATION = "2.4.0"
"""The version of C2PA's specification that claims are made by, as `specVersion`."""

Relationship = Literal["parentOf", "componentOf", "inputTo"]


@dataclass(frozen=True)
class Action:
    """Something that was done to the picture after it was created or opened.

    Attributes:
        name: a C2PA action such as "c2pa.cropped", or one of the newsroom's own in reverse-DNS form.
        digital_source_type: short name or IRI, where the action brought material of that kind in.
        description: free text.
    """

    name: str
    digital_source_type: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        if self.name not in _LATER_ACTIONS and not _OWN_ACTION.fullmatch(self.name):
            raise CredentialSigningFailed(f"{self.name[:80]!r} is not an action that can follow the first one")
        _check_text(self.description, "the description of an action")
        _source_type_iri(self.digital_source_type)


class SoftBinding(NamedTuple):
    """A fingerprint that leads back to the manifest when the file has lost it.

    Attributes:
        algorithm: name in the C2PA list of soft binding algorithms, or in reverse-DNS form.
        value: the fingerprint. Written as base64 text: c2pa's JSON has no way to write a CBOR byte string.
    """

    algorithm: str
    value: bytes


@dataclass(frozen=True, repr=False)
class Ingredient:
    """A registered picture that this one was made from, as the newsroom states it.

    Attributes:
        relationship: how the two relate (C2PA 2.2, section 18.16).
        instance_id: the URN of its record.
        title: its title, or None.
        media_type: of `data`, and of the picture.
        data: its signed copy, whose manifest the claim keeps; None where there is none to keep.
    """

    relationship: Relationship
    instance_id: str
    title: str | None
    media_type: str
    data: bytes | None = None


@dataclass(frozen=True)
class ClaimDescription:
    """What is stated about one picture.

    Attributes:
        title: name of the picture, or None.
        registry_url: address of the registry that can be asked about it.
        generator: the software that makes the claim, as "name/version".
        digital_source_type: how the picture came about, when the newsroom stated it: short name or IRI.
        actions: what was done to it besides, in order.
        soft_binding: fingerprint that leads back to the manifest, see `SoftBinding`.
        created: the newsroom states that it made the picture, in the way of its digital source type. Otherwise the
            picture was opened.
        ingredients: what it was made from; one at most as `parentOf`.

    Raises:
        CredentialSigningFailed: a word outside the vocabulary, a text that is too long, or no web address.
    """

    title: str | None
    registry_url: str
    generator: str
    digital_source_type: str | None = None
    actions: tuple[Action, ...] = ()
    soft_binding: tuple[str, bytes] | None = None
    created: bool = False
    ingredients: tuple[Ingredient, ...] = ()

    def __post_init__(self) -> None:
        _check_text(self.title, "the title")
        _check_text(self.registry_url, "the registry's address")
        _check_text(self.generator, "the name of the claim generator")
        address = urlsplit(self.registry_url)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise CredentialSigningFailed("the registry's address is not a web address")
        if len(self.actions) > MAX_CREDENTIAL_ITEMS:
            raise CredentialSigningFailed(f"more than {MAX_CREDENTIAL_ITEMS} actions")
        _source_type_iri(self.digital_source_type)
        parents = sum(each.relationship == "parentOf" for each in self.ingredients)
        if self.created and (self.digital_source_type is None or parents):
            raise CredentialSigningFailed("what was created needs a digital source type, and has no parent")
        if parents > 1:
            raise CredentialSigningFailed("a claim has one parent at most")

    def opens_file(self, *, carries: bool) -> bool:
        """Whether the first action opens the file itself, and no stated parent.

        Args:
            carries: the file carries earlier credentials, which the claim must keep: then it is the parent.
        """
        return not self.created and (carries or all(each.relationship != "parentOf" for each in self.ingredients))

    def stated_ingredients(
        self, file: bytes, media_type: str, *, carries: bool
    ) -> Iterator[tuple[dict[str, object], str, bytes | None]]:
        """Each ingredient as c2pa takes it: what is said of it, its media type, and its bytes where there are any.

        Args:
            file, media_type: the picture before it was signed here, and its type.
            carries: as of `opens_file`.
        """
        opens_file = self.opens_file(carries=carries)
        if opens_file:
            title = self.title or "the file as it was received"
            said: dict[str, object] = {"title": title, "relationship": "parentOf", "label": _PARENT}
            if self.digital_source_type is not None and not carries:
                said["digital_source_type"] = _source_type_iri(self.digital_source_type)
            yield said, media_type, file
        for number, each in enumerate(self.ingredients):
            is_parent = each.relationship == "parentOf"
            said = {
                "title": each.title or "a registered picture",
                "format": each.media_type,
                # C2PA knows one parent: where the file itself is it, what it was made from went into it.
                "relationship": "inputTo" if is_parent and opens_file else each.relationship,
                "label": _PARENT if is_parent and not opens_file else f"{_STATED}{number}",
            }
            if each.data is None:
                said["instance_id"] = each.instance_id
            yield said, each.media_type, each.data

    def definition(self, *, opened: bool, carries: bool = False) -> dict[str, object]:
        """The manifest definition that c2pa takes.

        Args:
            opened: the first action is c2pa.opened with the file, or a stated parent, as its ingredient; otherwise
                c2pa.created, which needs a digital source type.
            carries: as of `opens_file`.
        """
        first: dict[str, object] = {"action": MAKING_ACTIONS[opened]}
        actions = [first]
        source_type = _source_type_iri(self.digital_source_type)
        opens_file = opened and self.opens_file(carries=carries)
        if opened:
            first["parameters"] = {"ingredientIds": [_PARENT]}
        elif source_type is not None:
            first["digitalSourceType"] = source_type
        if opened and not opens_file:  # something was done between the parent and this file: nobody says what
            unknown: dict[str, object] = {"action": "c2pa.unknown"}
            actions.append(unknown | ({"digitalSourceType": source_type} if source_type else {}))
        for number, each in enumerate(self.ingredients):
            if each.relationship == "componentOf":
                placed = {"ingredientIds": [f"{_STATED}{number}"]}
                actions.append({"action": "c2pa.placed", "parameters": placed})
        actions += map(_action, self.actions)
        assertions = [
            _assertion(ACTIONS_ASSERTION, {"actions": actions, "allActionsIncluded": opens_file}),
            _assertion(REGISTRY_ASSERTION, {"url": self.registry_url}),
        ]
        if self.soft_binding is not None:
            algorithm, value = self.soft_binding
            blocks = [{"scope": {}, "value": base64.b64encode(value).decode("ascii")}]
            assertions.append(_assertion(SOFT_BINDING_ASSERTION, {"alg": algorithm, "blocks": blocks}))
        name, _, version = self.generator.partition("/")
        definition: dict[str, object] = {
            "claim_generator_info": [{"name": name, "version": version, "specVersion": SPECIFICATION}],
            "assertions": assertions,
        }
        if self.title is not None:
            definition["title"] = self.title
        return definition


def _assertion(label: str, data: dict[str, object]) -> dict[str, object]:
    # "created" puts it among the assertions that the signer itself answers for.
    return {"label": label, "created": True, "data": data}


def _action(action: Action) -> dict[str, object]:
    stated: dict[str, object] = {"action": action.name}
    if action.digital_source_type is not None:
        stated["digitalSourceType"] = _source_type_iri(action.digital_source_type)
    if action.description is not None:
        stated["description"] = action.description
    return stated


def _source_type_iri(text: str | None) -> str | None:
    try:
        return source_type_iri(text) if text is not None else None
    except MalformedRecord as error:
        raise CredentialSigningFailed(str(error)) from error


def _check_text(text: str | None, what: str) -> None:
    if text is not None and not (1 <= len(text) <= MAX_CREDENTIAL_TEXT and "\0" not in text):
        raise CredentialSigningFailed(f"{what} has 1 to {MAX_CREDENTIAL_TEXT} characters")
