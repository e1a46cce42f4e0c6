"""What annotators do in Label Studio while the rest is disturbed, by Label Studio's own calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from tests.chaos.oracle import mood_of
from tests.chaos.world import World

TIMEOUT_S = 30.0
PAGE = 500


def studio_project(world: World) -> int | None:
    """The number of the campaign's project in Label Studio; None while nothing was pushed."""
    with studio_client(world) as studio:
        rows = studio.get("/api/projects/", params={"page_size": PAGE}).json()["results"]
    found = [int(row["id"]) for row in rows if row["title"].startswith("Chaos")]
    return max(found) if found else None


def rate(world: World, most: int) -> int:
    """Answers up to so many tasks; how many were answered. What Label Studio refuses or loses is left to the next time."""
    done = 0
    try:
        project = studio_project(world)
        with studio_client(world) as studio:
            for task in _unanswered(studio, project)[:most] if project is not None else []:
                answer = answer_of(mood_of(task["data"]["text"]))
                done += studio.post(f"/api/tasks/{task['id']}/annotations/", json=answer).is_success
    except (httpx.HTTPError, KeyError, ValueError):
        pass  # it is down or half down just now: that is what a campaign is for
    return done


def tasks_in_studio(world: World) -> list[str]:
    """The text of every task there."""
    return [str(task["data"]["text"]) for task in tasks_of(world)]


def annotations_in_studio(world: World) -> int:
    return sum(task["total_annotations"] for task in tasks_of(world))


def tasks_of(world: World) -> list[dict[str, Any]]:
    """Every task there, as Label Studio shows it."""
    project = studio_project(world)
    with studio_client(world) as studio:
        return _tasks(studio, project) if project is not None else []


def delete_tasks(world: World, tasks: Sequence[int]) -> None:
    """As a person does it in the list of tasks: marks some, and deletes them all at once."""
    with studio_client(world) as studio:
        query = {"id": "delete_tasks", "project": studio_project(world)}
        body = {"selectedItems": {"all": False, "included": list(tasks)}}
        studio.post("/api/dm/actions", params=query, json=body).raise_for_status()


def studio_client(world: World) -> httpx.Client:
    """Label Studio's own calls, as its administrator."""
    server = world.label_studio_server
    assert server is not None, "a campaign without Label Studio has no annotators"
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Token {server.token}"}, timeout=TIMEOUT_S)


def answer_of(mood: str) -> dict[str, Any]:
    value = {"choices": [mood]}
    return {"result": [{"from_name": "mood", "to_name": "t", "type": "choices", "value": value}], "lead_time": 1.5}


def _unanswered(studio: httpx.Client, project: int) -> list[dict[str, Any]]:
    return [task for task in _tasks(studio, project) if not task["total_annotations"]]


def _tasks(studio: httpx.Client, project: int) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = []
    while True:
        query: dict[str, Any] = {"project": project, "page": len(tasks) // PAGE + 1, "page_size": PAGE}
        page = studio.get("/api/tasks/", params=query).json()
        tasks.extend(page["tasks"])
        if len(tasks) >= page["total"] or not page["tasks"]:
            return tasks
