"""The schema: brings the tables of a database to the newest revision when it is opened."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from provenance.errors import StoreUnavailable

_MIGRATIONS = Path(__file__).parent.parent / "migrations"


def migrate(connection: Connection) -> None:
    """Apply what is missing, inside the transaction of `connection`.

    Raises StoreUnavailable for a store that a newer version has written.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnavailable(f"this version cannot read the store; a newer one has written it ({error})") from error
