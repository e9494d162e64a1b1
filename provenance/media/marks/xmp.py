"""XMP: the properties of a packet, by their expanded names.

ISO 16684-1 (XMP part 1), section 7: RDF/XML in which a property is an attribute or an element of `rdf:Description`,
and a list is an `rdf:Alt`, `rdf:Bag` or `rdf:Seq`. Only top-level properties are read; structures are not.
"""

import re
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from provenance import limits
from provenance.errors import UndecodableMedia

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"
PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
IPTC_EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
EXIF = "{http://ns.adobe.com/exif/1.0/}"
EXIF_EX = "{http://cipa.jp/exif/1.0/}"
AUX = "{http://ns.adobe.com/exif/1.0/aux/}"
TC260 = "{http://www.tc260.org.cn/ns/AIGC/1.0/}"

Properties = Mapping[str, tuple[str, ...]]
"""The values of each property by "{namespace}name"; a simple property has one."""

_CONTAINERS = frozenset((RDF + "Alt", RDF + "Bag", RDF + "Seq"))
_LANGUAGE, _DEFAULT_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang", "x-default"
_PADDING = b" \t\r\n\0"


def parse_xmp(packet: bytes) -> Properties:
    """Return the top-level properties of `packet`.

    Raises:
        UndecodableMedia: more than `limits` allows, a document type declaration, or damaged XML.
    """
    if len(packet) > limits.MAX_XMP_BYTES or packet.count(b"<") > limits.MAX_XMP_ELEMENTS:
        raise UndecodableMedia("the XMP is larger than is read")
    try:
        root = fromstring(packet.strip(_PADDING), forbid_dtd=True)
    except DefusedXmlException as error:
        raise UndecodableMedia("the XMP declares a document type or entities") from error
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        raise UndecodableMedia("the XMP is not well-formed") from error
    found: dict[str, tuple[str, ...]] = {}
    for description in root.iter(RDF + "Description"):
        for name, values in _properties(description):
            found.setdefault(name, values)
    return found


def split_name(name: str) -> tuple[str, str]:
    """Return namespace (in braces) and local name of an expanded name."""
    parts = re.fullmatch(r"(\{[^}]*\})(.*)", name, re.DOTALL)
    return (parts[1], parts[2]) if parts else ("", name)


def _properties(description: Element) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in description.attrib.items():
        yield name, (value,)
    for element in description:
        if values := tuple(_values(element)):
            yield element.tag, values


def _values(element: Element) -> Iterator[str]:
    if resource := element.get(RDF + "resource"):
        yield resource
    elif element.text and element.text.strip():
        yield element.text.strip()
    for container in element:
        if container.tag in _CONTAINERS:
            # Of a text in several languages the default one comes first, wherever it stands (8.2.2.4).
            for item in sorted(container, key=lambda each: each.get(_LANGUAGE) != _DEFAULT_LANGUAGE):
                if text := item.get(RDF + "resource") or (item.text or "").strip():
                    yield text
