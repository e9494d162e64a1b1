"""What commands load: that of one command, and nothing of the others."""

import os
import subprocess
import sys
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from typer.main import get_group

from api.__main__ import COMMANDS, app
from registry.database import Store, schema

WITHOUT_DRIVER = "import sys; sys.modules['psycopg'] = None;"
OPENED = WITHOUT_DRIVER + "from pathlib import Path; from registry.database import Store; Store.open(Path(sys.argv[1])"


def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


HEAVY = ("alembic", "c2pa", "cv2", "fastapi", "httpx2", "numpy", "PIL", "psycopg", "starlette", "uvicorn")
LOADED = f"""
import sys
from api.__main__ import main
try:
    main()
except SystemExit as stop:
    print(stop.code, [name for name in {HEAVY} if name in sys.modules])
"""


def test_listing_keys_loads_neither_web_framework_nor_codecs_nor_migrations(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    Store.open(tmp_path).close()
    settings = {"COUNTERMARK_ENVIRONMENT": "development", "COUNTERMARK_FOLDER": str(tmp_path)}
    assert run(LOADED, "key", "list", **settings).stdout == "0 []\n"


def test_the_list_of_commands_loads_none_of_them() -> None:
    program = (
        f"{LOADED}    print([name for name in sys.modules if name.startswith(('api.cli.s', 'registry', 'pydantic'))])"
    )
    *listed, loaded, modules = run(program, "--help").stdout.splitlines()
    assert (loaded, modules) == ("0 []", "[]")
    assert all(any(name in line for line in listed) for name in COMMANDS)


def test_every_command_is_where_the_table_says_and_has_the_help_text_that_it_says() -> None:
    group = get_group(app)
    commands = {name: group.get_command(None, name) for name in COMMANDS}  # type: ignore[arg-type]  # it needs none
    assert [name for name, command in commands.items() if command is None or command.name != name] == []
    assert {name: first_line(command.help) for name, command in commands.items()} == {
        name: line for name, (_, line) in COMMANDS.items()
    }
    assert group.get_command(None, "keys") is None  # type: ignore[arg-type]


def first_line(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def test_a_folder_is_served_without_the_driver_for_postgresql(tmp_path: Path) -> None:
    done = run(f"{OPENED}).close()", str(tmp_path / "data"))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_database_on_postgresql_without_its_driver_is_refused_with_what_to_do(tmp_path: Path) -> None:
    done = run(f"{OPENED}, 'postgresql+psycopg://registry@db.example/countermark')", str(tmp_path / "data"))
    refusal = "SettingsInvalid: a database on PostgreSQL needs psycopg, which `make postgresql` installs"
    assert done.stderr.splitlines()[-1] == f"provenance.errors.{refusal}"


def test_the_newest_migration_is_the_head_that_a_current_store_has() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert [head.partition("_")[0] for head in scripts.get_heads()] == [schema._NEWEST]
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(f"{script.revision.partition('_')[0]}_")
