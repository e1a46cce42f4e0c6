"""What annotators do in Label Studio while the rest is disturbed, by Label Studio's own calls."""

from __future__ import annotations

from typing import Any

import httpx

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
                done += studio.post(f"/api/tasks/{task}/annotations/", json=_answer(task)).is_success
    except (httpx.HTTPError, KeyError, ValueError):
        pass  # it is down or half down just now: that is what a campaign is for
    return done


def tasks_in_studio(world: World) -> list[str]:
    """The text of every task there."""
    project = studio_project(world)
    with studio_client(world) as studio:
        return [str(task["data"]["text"]) for task in _tasks(studio, project)] if project is not None else []


def annotations_in_studio(world: World) -> int:
    project = studio_project(world)
    with studio_client(world) as studio:
        return sum(task["total_annotations"] for task in _tasks(studio, project)) if project is not None else 0


def studio_client(world: World) -> httpx.Client:
    """Label Studio's own calls, as its administrator."""
    server = world.label_studio_server
    assert server is not None, "a campaign without Label Studio has no annotators"
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Token {server.token}"}, timeout=TIMEOUT_S)


def _unanswered(studio: httpx.Client, project: int) -> list[int]:
    return [int(task["id"]) for task in _tasks(studio, project) if not task["total_annotations"]]


def _tasks(studio: httpx.Client, project: int) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = []
    while True:
        query: dict[str, Any] = {"project": project, "page": len(tasks) // PAGE + 1, "page_size": PAGE}
        page = studio.get("/api/tasks/", params=query).json()
        tasks.extend(page["tasks"])
        if len(tasks) >= page["total"] or not page["tasks"]:
            return tasks


def _answer(task: int) -> dict[str, Any]:
    value = {"choices": ["good" if task % 3 else "bad"]}
    return {"result": [{"from_name": "mood", "to_name": "t", "type": "choices", "value": value}], "lead_time": 1.5}
