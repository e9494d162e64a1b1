"""The schema: brings the tables of a database to the newest revision when it is opened."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from provenance.errors import StoreUnavailable

_MIGRATIONS = Path(__file__).parent / "migrations"
_NEWEST = max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def migrate(connection: Connection) -> None:
    """Apply what is missing, inside the transaction of `connection`.

    Raises StoreUnavailable for a store that a newer version has written.
    """
    if _is_current(connection):
        return
    # Only now: Alembic takes longer to import than a current store to open.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnavailable(f"this version cannot read the store; a newer one has written it ({error})") from error


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    revisions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
    return [revision.partition("_")[0] for revision in revisions] == [_NEWEST]
