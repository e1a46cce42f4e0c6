"""How Alembic runs here: on a connection handed in by `foundation.migrations`, or on the configured database."""

from importlib import import_module

from alembic import context
from sqlalchemy import text
from sqlmodel import SQLModel

import wsgi
from foundation.database import open_database
from foundation.settings import load_settings

for name in wsgi.MODELS:
    import_module(name)


def run(connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL statement_timeout = '15min'"))
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=False,
        compare_type=False,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with open_database(load_settings().database).engine.begin() as opened:
        run(opened)
