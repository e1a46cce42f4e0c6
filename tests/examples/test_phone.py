"""The reference client does what docs/clients.md asks of an app."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from examples.phone import KeyWasRetired, NotTaken, Packing, SignalQueue, TryLater

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
Answer = Callable[[httpx.Request], httpx.Response]


def make_queue(answer: Answer, **changes: Any) -> SignalQueue:
    client = httpx.Client(base_url="http://winnow.example", transport=httpx.MockTransport(answer))
    return SignalQueue(client, "words", **{"clock": lambda: NOW, "first_wait_s": 0.0, **changes})


def signals(n: int) -> list[dict[str, Any]]:
    return [{"id": str(number), "payload": {"text": f"word {number}"}} for number in range(n)]


def sent_in(request: httpx.Request) -> list[dict[str, Any]]:
    body = gzip.decompress(request.content) if request.headers.get("Content-Encoding") == "gzip" else request.content
    return [json.loads(line) for line in body.splitlines()]


def results(request: httpx.Request, **result: Any) -> httpx.Response:
    given = {"status": "accepted", "retry": "no", **result}
    return httpx.Response(200, json={"results": [{"id": signal["id"], **given} for signal in sent_in(request)]})


def rejected(reason: str, retry: str) -> dict[str, Any]:
    return {"status": "rejected", "retry": retry, "errors": [{"pointer": "/x", "reason": reason, "detail": "because"}]}


class TestFlush:
    def test_a_whole_body_goes_with_its_length_and_the_phones_own_time(self) -> None:
        seen: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return results(request)

        queue = make_queue(answer)
        queue.add(signals(3))
        queue.flush()

        assert int(seen[0].headers["Content-Length"]) == len(seen[0].content)
        assert seen[0].headers["Winnow-Sent-At"] == "2026-11-22T08:00:00.000+00:00"
        assert not queue.waiting

    def test_no_request_holds_more_than_a_batch(self) -> None:
        sizes: list[int] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sizes.append(len(sent_in(request)))
            return results(request)

        queue = make_queue(answer, max_batch=2)
        queue.add(signals(5))
        queue.flush()

        assert sizes == [2, 2, 1]

    def test_a_lost_answer_is_asked_for_again_with_the_same_ids(self) -> None:
        seen: list[list[dict[str, Any]]] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(sent_in(request))
            if len(seen) == 1:
                raise httpx.ReadError("gone", request=request)
            return results(request, status="replayed")

        queue = make_queue(answer)
        queue.add(signals(2))
        queue.flush()

        assert seen[0] == seen[1]
        assert queue.tally.answers_lost == 1
        assert queue.tally.statuses == {"replayed": 2}

    def test_fewer_results_than_signals_mean_that_nothing_is_dropped(self) -> None:
        attempts: list[int] = []

        def answer(request: httpx.Request) -> httpx.Response:
            attempts.append(1)
            return httpx.Response(200, json={"results": []}) if len(attempts) == 1 else results(request)

        queue = make_queue(answer)
        queue.add(signals(2))

        assert len(queue.flush()) == 2
        assert len(attempts) == 2

    @pytest.mark.parametrize("status", [408, 429, 500, 503])
    def test_a_busy_server_is_asked_again(self, status: int) -> None:
        attempts: list[int] = []

        def answer(request: httpx.Request) -> httpx.Response:
            attempts.append(1)
            return httpx.Response(status, headers={"Retry-After": "0"}) if len(attempts) == 1 else results(request)

        queue = make_queue(answer)
        queue.add(signals(1))
        queue.flush()

        assert len(attempts) == 2

    def test_a_server_that_never_answers_leaves_the_queue_as_it_was(self) -> None:
        queue = make_queue(lambda _: httpx.Response(503, headers={"Retry-After": "0"}))
        queue.add(signals(2))

        with pytest.raises(TryLater):
            queue.flush()

        assert len(queue.waiting) == 2

    def test_a_mistake_of_the_app_is_not_repeated(self) -> None:
        queue = make_queue(lambda _: httpx.Response(422, json={"detail": "no"}))
        queue.add(signals(1))

        with pytest.raises(NotTaken):
            queue.flush()

    def test_a_retired_key_drops_the_queue(self) -> None:
        problem = {"reason": "key_retired", "detail": "stop"}
        queue = make_queue(lambda _: httpx.Response(403, json=problem))
        queue.add(signals(2))

        with pytest.raises(KeyWasRetired):
            queue.flush()

        assert not queue.waiting


class TestSettle:
    def test_what_is_refused_for_good_leaves_the_queue(self) -> None:
        queue = make_queue(lambda request: results(request, **rejected("too_long", "no")))
        queue.add(signals(1))
        queue.flush()

        assert not queue.waiting
        assert queue.tally.given_up == 1
        assert queue.tally.reasons == {"too_long": 1}

    def test_so_does_what_is_refused_without_telling_why(self) -> None:
        queue = make_queue(lambda request: results(request, **{**rejected("too_long", "no"), "errors": []}))
        queue.add(signals(1))
        queue.flush()

        assert not queue.waiting
        assert queue.tally.reasons == {"not told": 1}

    def test_what_the_server_wants_later_waits_for_the_next_flush(self) -> None:
        queue = make_queue(lambda request: results(request, **rejected("busy", "later")))
        queue.add(signals(1))
        queue.flush()

        assert len(queue.waiting) == 1

    def test_what_lacks_consent_is_sent_again_once_it_is_recorded(self) -> None:
        fates = iter([rejected("consent_missing", "after_consent"), {"status": "accepted"}])
        queue = make_queue(lambda request: results(request, **next(fates)))
        queue.add(signals(1))
        queue.flush()

        assert not queue.waiting
        queue.consent_was_recorded()
        queue.flush()

        assert queue.tally.statuses == {"rejected": 1, "accepted": 1}
        assert not queue.held_for_consent


class TestBody:
    def test_a_consent_goes_along_in_an_envelope(self) -> None:
        seen: list[dict[str, Any]] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(json.loads(request.content))
            return httpx.Response(200, json={"results": [{"id": "0", "status": "accepted", "retry": "no"}]})

        queue = make_queue(answer, packing=Packing.NONE, consent={"granted": True})
        queue.add(signals(1))
        queue.flush()

        assert seen[0]["consent"] == {"granted": True}
        assert len(seen[0]["signals"]) == 1

    @pytest.mark.parametrize("token", [None, "t" * 43])
    def test_the_persons_token_goes_along_with_each_batch(self, token: str | None) -> None:
        seen: list[str | None] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request.headers.get("Winnow-Subject-Token"))
            return results(request, status="accepted", retry="no")

        queue = make_queue(answer, max_batch=1, token=token)
        queue.add(signals(2))
        queue.flush()

        assert seen == [token, token]

    def test_the_age_of_a_signal_is_stamped_at_each_attempt(self) -> None:
        ages = iter([5, 9])
        seen: list[int] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(sent_in(request)[0]["age_ms"])
            return httpx.Response(503, headers={"Retry-After": "0"}) if len(seen) == 1 else results(request)

        queue = make_queue(answer, age_ms=lambda _: next(ages))
        queue.add(signals(1))
        queue.flush()

        assert seen == [5, 9]
