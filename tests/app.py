"""The application as it stands while some domains have no edges yet: composed of the modules that are there."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import wsgi


def _is_there(name: str) -> bool:
    if find_spec(name) is None:
        return False
    try:
        import_module(name)
    except ModuleNotFoundError:
        return False
    return True


for _list in ("ROUTES", "BLUEPRINTS", "MODELS", "TASK_MODULES", "SECTIONS"):
    setattr(wsgi, _list, tuple(name for name in getattr(wsgi, _list) if _is_there(name)))
create_app = wsgi.create_app
worker = wsgi.worker


def __getattr__(name: str) -> Any:
    if name == "app":
        return create_app()
    raise AttributeError(name)
