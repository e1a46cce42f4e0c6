"""Label Studio as one WSGI application, with its administrator. Runs in Label Studio's own virtual environment, not in Winnow's.

`python -m foundation.running.label_studio_app` only brings the database up to date.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def application_with_account() -> Any:
    """Label Studio's application after its database is up to date and its administrator is as the environment says."""
    from django.core.wsgi import get_wsgi_application  # type: ignore[import-not-found]
    from django.db import connections  # type: ignore[import-not-found]

    migrate()
    # One process and several threads: a writer waits for its turn instead of failing with "database is locked".
    connections["default"].settings_dict["OPTIONS"] |= {"timeout": 30, "transaction_mode": "IMMEDIATE"}
    connections.close_all()
    _ensure_account(
        email=os.environ.pop("LABEL_STUDIO_USERNAME"),
        password=os.environ.pop("LABEL_STUDIO_PASSWORD"),
        token=os.environ.pop("LABEL_STUDIO_USER_TOKEN"),
    )
    connections.close_all()
    return get_wsgi_application()


def migrate() -> None:
    """Brings the database up to date; on stdout stands how many steps that takes, and a line ends in OK after each."""
    from label_studio import server  # type: ignore[import-not-found]

    server._setup_env()  # noqa: SLF001 - the only way to set Label Studio up without its development server

    from django.core.management import call_command  # type: ignore[import-not-found]
    from django.db import connections
    from django.db.backends.signals import connection_created  # type: ignore[import-not-found]
    from django.db.migrations.executor import MigrationExecutor  # type: ignore[import-not-found]

    connection_created.connect(server._set_sqlite_fix_pragma)  # noqa: SLF001 - as its own server does
    executor = MigrationExecutor(connections["default"])
    if steps := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        sys.stdout.write(f"{len(steps)} steps\n")
        sys.stdout.flush()
        call_command("migrate", "--no-color", verbosity=1)


def _ensure_account(*, email: str, password: str, token: str) -> None:
    """One administrator with this password and this token, whatever an earlier start was doing when it was killed."""
    from django.db import transaction
    from organizations.models import Organization  # type: ignore[import-not-found]
    from rest_framework.authtoken.models import Token  # type: ignore[import-not-found]
    from users.models import User  # type: ignore[import-not-found]

    with transaction.atomic():
        user = User.objects.filter(email=email).first() or User.objects.create_user(email=email, password=password)
        if not user.check_password(password):
            user.set_password(password)
        user.is_staff = user.is_superuser = True
        organization = Organization.objects.first() or Organization.create_organization(
            created_by=user, title="Label Studio", legacy_api_tokens_enabled=True
        )
        organization.add_user(user)
        user.active_organization = organization
        user.save()
        Token.objects.filter(user=user).exclude(key=token).delete()
        Token.objects.get_or_create(user=user, defaults={"key": token})


if __name__ == "__main__":
    migrate()
elif os.environ.get("LABEL_STUDIO_USERNAME"):
    application = application_with_account()
