"""Makes this checkout importable in its virtual environment, without a build step or network.

Writes a `.pth` file (the standard mechanism of `site`) that names the checkout and `clients/python`,
and the `countermark` command. `pip install -e` would do the same but downloads a build backend,
unpinned, each time.
"""

import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = f"""#!{sys.executable}
from countermark.cli import main

main()
"""


def link() -> None:
    site_packages = Path(sysconfig.get_path("purelib"))
    (site_packages / "countermark-checkout.pth").write_text(f"{ROOT}\n{ROOT / 'clients' / 'python'}\n")
    script = Path(sysconfig.get_path("scripts")) / "countermark"
    script.write_text(COMMAND)
    script.chmod(0o755)


if __name__ == "__main__":
    link()
