"""Assembles the browser extension for Chrome and for Firefox, and packs both archives: the same bytes each time.

    python tools/extension.py [FOLDER]

FOLDER (build/extension) has `chrome/` and `firefox/`, as browsers load them; the archives go to `dist/`, or beside them
where FOLDER is named.
"""

import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

from api.pages.rendering import static_files

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "clients/extension"
BUILT = ROOT / "build/extension"
NOT_SHIPPED = ("countermark", "README.md", "test", "tsconfig.json")
"""`countermark` is a link to the modules, which are shipped without their comments."""
PAGE_FILES = (
    *("dom.js", "regions.js", "words.js", "sentences.en.js", "sentences.de.js"),
    *("countermark.css", "icon.svg"),
)
"""What the panel shares with the service's pages."""
OTHERS_ALONE: dict[str, tuple[str, ...]] = {
    "chrome": ("sidebar_action", "browser_specific_settings", "background.scripts", "permissions.menus"),
    "firefox": ("side_panel", "minimum_chrome_version", "background.service_worker", "permissions.sidePanel"),
}
"""By browser: what of the manifest only the other one knows, which warns of it."""
PACKED_AT = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip can state: an archive tells what is in it, and not when it was made."""


def manifest(browser: str) -> dict[str, Any]:
    """The manifest for one browser."""
    stated: dict[str, Any] = json.loads((SOURCE / "manifest.json").read_text())
    for path in OTHERS_ALONE[browser]:
        *parents, name = path.split(".")
        within = stated
        for parent in parents:
            within = within[parent]
        if isinstance(within, list):
            within.remove(name)
        else:
            del within[name]
    return stated


def contents(browser: str) -> dict[str, bytes]:
    """The extension's files by name, sorted."""
    own = (
        path
        for path in SOURCE.rglob("*")
        if path.is_file() and path.relative_to(SOURCE).parts[0] not in NOT_SHIPPED and not path.name.endswith(".d.ts")
    )
    files = {path.relative_to(SOURCE).as_posix(): path.read_bytes() for path in own}
    served = static_files()
    files |= {name: module for name, module in served.items() if name.startswith("countermark/")}
    files |= {f"page/{name}": served[name] for name in PAGE_FILES}
    files["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files["manifest.json"] = json.dumps(manifest(browser), indent=2, ensure_ascii=False).encode() + b"\n"
    return dict(sorted(files.items()))


def assemble(browser: str, folder: Path) -> None:
    """Writes them into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in contents(browser).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def pack(browser: str, archive: Path) -> None:
    """Writes them into one zip."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, data in contents(browser).items():
            entry = zipfile.ZipInfo(name, PACKED_AT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, data)


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0]) if arguments else BUILT
    archives = folder if arguments else ROOT / "dist"
    for browser in OTHERS_ALONE:
        assemble(browser, folder / browser)
        archive = archives / f"countermark-{browser}-{manifest(browser)['version']}.zip"
        pack(browser, archive)
        sys.stdout.write(f"{archive}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
