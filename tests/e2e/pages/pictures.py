"""Pictures that readers hold, and texts that attack a page."""

import io

from PIL import Image, PngImagePlugin

from demo.alterations import PHOTOS

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)> javascript:alert(1) \u202etxet derorrim\u2066'
SHOWN = "<img src=x onerror=alert(1)>"
PASTED = (0.55, 0.5, 0.8, 0.85)
"""Where the altered picture has something that the registered one has not: fractions left, top, right, bottom."""


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def altered_picture() -> Image.Image:
    """The stream, 2 % cut off each side, with a dog pasted into it."""
    picture = Image.open(PHOTOS / "stream.jpg").convert("RGB")
    width, height = picture.size
    picture = picture.crop((width // 50, height // 50, width - width // 50, height - height // 50))
    left, top, right, bottom = (round(edge * side) for edge, side in zip(PASTED, picture.size * 2, strict=True))
    dog = (
        Image.open(PHOTOS / "two-dogs.jpg")
        .convert("RGB")
        .crop((230, 270, 470, 560))
        .resize((right - left, bottom - top))
    )
    picture.paste(dog, (left, top))
    return picture


def framed() -> bytes:
    """The stream, on a page with white around it."""
    page = Image.new("RGB", (1200, 1000), "white")
    page.paste(Image.open(PHOTOS / "stream.jpg").convert("RGB").resize((900, 600)), (150, 120))
    return encode(page, "JPEG", quality=88)


def hostile_copy() -> bytes:
    """A copy of the astronaut whose declared metadata is an attack."""
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    xmp = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
      <rdf:Description xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" photoshop:Credit="Made with Google AI {escaped}"
        TC260:AIGC="{{&quot;Label&quot;:&quot;1&quot;,&quot;ContentProducer&quot;:&quot;&lt;img src=x&gt;&quot;}}"
        dc:source="{escaped}"/></rdf:RDF></x:xmpmeta>"""
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp)
    text.add_text("parameters", f"{HOSTILE.encode('ascii', 'replace').decode()}\nSteps: 20, Sampler: Euler a, Seed: 1")
    return encode(Image.open(PHOTOS / "astronaut.jpg").convert("RGB"), "PNG", pnginfo=text)
