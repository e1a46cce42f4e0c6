"""Five accounts of Label Studio that stand for rater slots 1 to 5: invited as people are, rating by Label Studio's own API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from examples.slang.memory import Memory
from examples.slang.words import Word

ACCOUNTS = 5
TIMEOUT_S = 60.0
PAGE = 1000
MAX_FAILURES = 10
CSRF_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')

_with_patience = retry(
    retry=retry_if_exception_type((httpx.TransportError, httpx.HTTPStatusError)),
    wait=wait_random_exponential(0.2, max=5),
    stop=stop_after_attempt(5),
    reraise=True,
)


class NoSuchProject(Exception):
    """Label Studio has no project of the title that Winnow gives it."""


def email_of(slot: int) -> str:
    """The name of a rater slot, in Label Studio and in the annotations call: one slot is one annotator in both."""
    return f"rater-{slot:02d}@raters.example.org"


class LabelStudio:
    """What one account may ask of Label Studio. Reads are repeated when they fail; writes are the callers' to repeat."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Token {token}"}, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def find_project(self, title: str) -> int:
        """The id of the newest project with this title.

        Raises:
            NoSuchProject: there is none.
        """
        found = [row["id"] for row in self._get("/api/projects/", page_size=PAGE)["results"] if row["title"] == title]
        if not found:
            raise NoSuchProject("Label Studio has no project of this title: Winnow's push has not come through")
        return int(max(found))

    def texts_of_tasks(self, project: int) -> list[str]:
        """The text of each task, one page after another."""
        texts: list[str] = []
        while True:
            page = self._get(
                "/api/tasks/", project=project, page=len(texts) // PAGE + 1, page_size=PAGE, include="id,data"
            )
            texts.extend(task["data"]["text"] for task in page["tasks"])
            if len(texts) >= page["total"] or not page["tasks"]:
                return texts

    def invitation(self) -> str:
        return str(self._get("/api/invite")["invite_url"])

    def next_task(self, project: int) -> dict[str, Any] | None:
        """The task this account should do next; None when nothing is left for it."""
        response = self._client.get(f"/api/projects/{project}/next")
        if response.status_code == 404:
            return None
        return dict(response.raise_for_status().json())

    def annotate(self, task: int, rating: int) -> None:
        value = {"from_name": "sentiment", "to_name": "word", "type": "number", "value": {"number": rating}}
        body = {"result": [value], "lead_time": 2.0}
        self._client.post(f"/api/tasks/{task}/annotations/", json=body).raise_for_status()

    @_with_patience
    def _get(self, path: str, **query: str | int) -> dict[str, Any]:
        return dict(self._client.get(path, params=query).raise_for_status().json())


@dataclass(frozen=True, slots=True)
class Rater:
    """One slot of the lexicon with its account."""

    slot: int
    token: str

    def rate_all(self, url: str, project: int, rating_of: Mapping[str, Word], on_rated: Callable[[], None]) -> int:
        """Takes one task after another from Label Studio's queue and gives the slot's rating of its word.

        When an answer is lost, the queue is asked again: it hands out the same task unless the rating was stored.
        """
        done = failures = 0
        with LabelStudio(url, self.token) as studio:
            while task := self._ask(studio, project):
                try:
                    studio.annotate(task["id"], rating_of[task["data"]["text"]].ratings[self.slot - 1])
                except httpx.HTTPError:
                    failures += 1
                    if failures > MAX_FAILURES:
                        raise
                    continue
                on_rated()
                done += 1
        return done

    @_with_patience
    def _ask(self, studio: LabelStudio, project: int) -> dict[str, Any] | None:
        return studio.next_task(project)


def enrol(url: str, admin: LabelStudio, memory: Memory) -> list[Rater]:
    """The five raters: accounts that exist are logged in to, the others follow the invitation."""
    return [
        Rater(slot, _token_of(url, admin, email_of(slot), memory.token(email_of(slot))))
        for slot in range(1, ACCOUNTS + 1)
    ]


def rate_together(
    url: str, project: int, raters: Sequence[Rater], rating_of: Mapping[str, Word], on_rated: Callable[[], None]
) -> int:
    """All raters work at the same time, as people do; answers how many ratings were given.

    Each looks once more when all are through: a task that somebody else has open may not have been handed out before.
    """
    rated = 0
    with ThreadPoolExecutor(len(raters)) as pool:
        while given := sum(pool.map(lambda rater: rater.rate_all(url, project, rating_of, on_rated), raters)):
            rated += given
    return rated


def _token_of(url: str, admin: LabelStudio, email: str, password: str) -> str:
    with httpx.Client(base_url=url, timeout=TIMEOUT_S) as browser:
        if not _submit(browser, "/user/login/", {"email": email, "password": password, "persist_session": "on"}):
            form = {"email": email, "password": password, "how_find_us": "Other"}
            if not _submit(browser, admin.invitation(), form):
                raise PermissionError("Label Studio took neither a log-in nor a sign-up of a rater")
        return str(browser.get("/api/current-user/token").raise_for_status().json()["token"])


def _submit(browser: httpx.Client, path: str, form: dict[str, str]) -> bool:
    """Fills in one of Label Studio's forms; true when it let us in."""
    page = browser.get(path, follow_redirects=True)
    field = CSRF_FIELD.search(page.text)
    secret = {"csrfmiddlewaretoken": field[1]} if field else {}
    answer = browser.post(path, data={**form, **secret}, headers={"Referer": str(page.url)})
    return answer.status_code == 302
