"""`winnow up` runs the whole system; `winnow doctor` says what is wrong with it."""

from __future__ import annotations

import os

import click

from foundation.cli import DID_NOT_HOLD, print_json, printable, say, told_plainly


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the API listens.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="The API's port.")
@click.option("--no-label-studio", is_flag=True, help="Start no Label Studio; WINNOW_LABEL_STUDIO_URL may name one.")
def up(host: str, port: int, no_label_studio: bool) -> None:
    """Run API, pages, worker, scheduler, Valkey and Label Studio until Ctrl-C.

    Example: WINNOW_HOME=/srv/winnow winnow up --port 8080
    """
    from foundation.running.processes import Up
    from foundation.running.processes import up as run
    from foundation.settings import load_settings

    with told_plainly():
        settings = load_settings()
        wanted = Up(
            home=settings.home,
            host=host,
            port=port,
            label_studio=not no_label_studio,
            label_studio_url=os.environ.get("WINNOW_LABEL_STUDIO_URL"),
            broker_url=os.environ.get("WINNOW_BROKER_URL"),
        )
        environment = {name: text for name, text in os.environ.items() if name != "FLASK_RUN_FROM_CLI"}
        raise SystemExit(run(wanted, environment, prepare=_prepare))


def _prepare() -> None:
    """Secrets, migrations, and an admin key for whoever sits at this machine."""
    from foundation.database import unit_of_work, utc_now
    from foundation.http.keys import Role, create_key
    from foundation.opening import opened_storage
    from foundation.settings import keep_secret

    with opened_storage() as (settings, database):
        place = settings.secrets_folder / "admin_key"
        if settings.is_production or place.exists():
            return
        with unit_of_work(database) as session:
            _, token = create_key(session, Role.ADMIN, None, now=utc_now(), note="made by winnow up")
            keep_secret(place, token)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def doctor(as_json: bool) -> None:
    """Say what is wrong with this installation, and what to do; exit 1 where something is.

    What is owed to erasures and the like is told with how far it is, and what of it fails.

    Example: WINNOW_ENV=production winnow doctor
    """
    from foundation.running.doctor import examine

    findings = examine(dict(os.environ))
    if as_json:
        print_json([{"part": one.part, "ok": one.is_well, "detail": one.detail} for one in findings])
    else:
        for one in findings:
            click.echo(printable(f"{'ok ' if one.is_well else 'BAD'}  {one.part}: {one.detail}"))
    if not all(one.is_well for one in findings):
        say("something is wrong: see above")
        raise SystemExit(DID_NOT_HOLD)
