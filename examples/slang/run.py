"""The demo's steps in their order, from the project file to the version on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from examples.slang.findings import Findings, counted
from examples.slang.fleet import Fleet, simulate_fleet
from examples.slang.manager import Manager
from examples.slang.memory import Memory, last_version, remember, remember_version
from examples.slang.phones import PROJECT, Sent, send_all
from examples.slang.raters import ACCOUNTS, LabelStudio, email_of, enrol, rate_together
from examples.slang.screen import Screen
from examples.slang.system import System
from examples.slang.version import broken_checksums, examine
from examples.slang.words import DISTINCT_WORDS, SLOTS, Word, read_words

QUESTION = "sentiment"
EXPECTED_ALPHA = 0.7260
"""Interval alpha of the 7,506 distinct words with ten ratings each, measured apart from this program."""
WORDS_A_REQUEST = 500


@dataclass(frozen=True, slots=True)
class Scene:
    """What every step needs: the running system, who remembers what, the words, and where to speak."""

    system: System
    memory: Memory
    words: Mapping[str, Word]
    fleet: Fleet
    screen: Screen
    findings: Findings


def play(system: System, screen: Screen) -> Findings:
    """Plays the whole demo against a running system; what did not hold stands in the findings."""
    memory = remember(system.home)
    words = read_words()
    fleet = simulate_fleet(words, memory.began_at)
    scene = Scene(system, memory, {word.text: word for word in words}, fleet, screen, Findings())
    document = (Path(__file__).parent / "project.yaml").read_bytes()
    with Manager(system.url, PROJECT, system.make_key("admin")) as manager:
        manager.put_project(document)
        _collect(scene, manager)
        _label(scene, manager, yaml.safe_load(document))
        _measure(scene, manager)
        _export(scene, manager)
    return scene.findings


def _collect(scene: Scene, manager: Manager) -> None:
    """The phones send everything, and the server's counts are held against what was sent."""
    fleet, key = scene.fleet, scene.system.make_key("ingest", PROJECT)
    total = sum(len(phone.signals) + len(phone.mended) for phone in fleet.phones)
    with scene.screen.progress(f"{len(fleet.phones)} phones send signals", total) as on_sent:
        sent = send_all(fleet.phones, url=scene.system.url, key=key, memory=scene.memory, on_sent=on_sent)
    _tell_what_was_sent(scene.findings, fleet, sent)
    counts = manager.count()
    scene.findings.tell("held now", f"{counts['signals']:,} signals of {counts['items']:,} different words")
    scene.findings.expect("signals stored", counts["signals"], fleet.to_be_stored)
    scene.findings.expect("items", counts["items"], DISTINCT_WORDS)


def _tell_what_was_sent(findings: Findings, fleet: Fleet, sent: Sent) -> None:
    tally, statuses = sent.tally, sent.tally.statuses
    findings.section()
    findings.tell("sent", f"{tally.sent:,} signals by {len(fleet.phones)} simulated phones")
    findings.tell("stored", f"{statuses['accepted']:,} new")
    findings.tell("duplicate", f"{statuses['duplicate']:,} (the same person sent the same word before)")
    findings.tell(
        "replayed", f"{statuses['replayed']:,} (stored already; {tally.answers_lost} answers were lost on the way)"
    )
    findings.tell("refused", f"{statuses['rejected']:,}: {counted(tally.reasons)}")
    findings.tell(
        "of these",
        f"{tally.given_up} malformed (the app's next release sent {sum(len(p.mended) for p in fleet.phones)} of them anew), "
        f"{sent.still_on_phones} without consent stay on the phone; the others passed once the consent had arrived",
    )
    findings.expect("answers with status 500", tally.server_errors, 0)
    findings.expect("signals refused for good", tally.given_up + sent.still_on_phones, fleet.to_be_refused)


def _label(scene: Scene, manager: Manager, project: Mapping[str, Any]) -> None:
    """Words go to Label Studio and to other raters, so that each word ends with exactly its ten ratings.

    The words that are not in Label Studio get theirs first: what has enough answers is not pushed any more.
    """
    scene.screen.say("pushing words to Label Studio")
    manager.sync()
    url = scene.system.label_studio_url
    with LabelStudio(url, scene.system.label_studio_token) as admin:
        studio_project = admin.find_project(project["title"])
        in_studio = [scene.words[text] for text in admin.texts_of_tasks(studio_project)]
        pushed = {word.text for word in in_studio}
        elsewhere = [word for word in scene.words.values() if word.text not in pushed]
        _hand_in(scene, manager, elsewhere, range(1, SLOTS + 1))
        raters = enrol(url, admin, scene.memory)
        with scene.screen.progress(f"{ACCOUNTS} raters work in Label Studio", len(in_studio) * ACCOUNTS) as on_rated:
            rated = rate_together(url, studio_project, raters, scene.words, lambda: on_rated(1))
        tasks = len(admin.texts_of_tasks(studio_project))
    scene.screen.say("pulling their ratings")
    manager.sync()
    _hand_in(scene, manager, in_studio, range(ACCOUNTS + 1, SLOTS + 1))
    annotations = manager.count()["annotations"]
    scene.findings.section()
    scene.findings.tell(
        "tasks", f"{tasks} in Label Studio, each for {ACCOUNTS} raters, who gave {rated} ratings there in this run"
    )
    scene.findings.tell("annotations", f"{annotations:,}: {SLOTS} ratings for each of {len(scene.words):,} words")
    scene.findings.expect("tasks in Label Studio", tasks, len(in_studio))
    scene.findings.expect("annotations", annotations, DISTINCT_WORDS * SLOTS)


def _hand_in(scene: Scene, manager: Manager, words: Sequence[Word], slots: range) -> None:
    """The ratings that were given elsewhere; a word's ratings travel together, so that a cut leaves none half done."""
    first, last = slots[0], slots[-1]
    with scene.screen.progress(f"handing in ratings of slots {first} to {last}", len(words) * len(slots)) as on_done:
        for batch in _batches(words):
            answer = manager.annotate([_rating(scene, word, slot) for word in batch for slot in slots])
            scene.findings.expect("ratings refused", answer.get("rejected", 0), 0)
            on_done(len(batch) * len(slots))


def _rating(scene: Scene, word: Word, slot: int) -> dict[str, Any]:
    return {
        "signal": scene.fleet.signal_of[word.text],
        "question": QUESTION,
        "annotator": email_of(slot),
        "value": word.ratings[slot - 1],
    }


def _measure(scene: Scene, manager: Manager) -> None:
    """Measures now, and compares alpha with the one that is known for these words."""
    scene.screen.say("measuring agreement and expectations")
    report = manager.measure()
    figures = report["questions"][QUESTION]["agreement"]
    low, high = figures["alpha_ci"]
    scene.findings.tell(
        "agreement",
        f"alpha {figures['alpha']:.4f} at interval level, 95 % interval {low:.4f} to {high:.4f}, "
        f"{figures['n_items']:,} words, {figures['n_annotators']} annotators",
    )
    scene.findings.expect("annotations measured", figures["n_annotations"], DISTINCT_WORDS * SLOTS)
    scene.findings.expect("annotators measured", figures["n_annotators"], SLOTS)
    scene.findings.expect("alpha", round(figures["alpha"], 4), EXPECTED_ALPHA)


def _export(scene: Scene, manager: Manager) -> None:
    """Builds a version, downloads it, checks every byte, and looks into its rows."""
    scene.screen.say("building a version")
    built = manager.build_version()
    version = manager.read_version(built["version"])
    findings = scene.findings
    findings.section()
    for gate in version.get("gates", []):
        findings.tell(f"gate {gate['name']}", f"{'met' if gate['passed'] else 'NOT MET'}: {gate['detail']}")
        findings.expect(f"gate {gate['name']} met", gate["passed"], True)
    findings.expect("state of the version", built["state"], "published")
    if built["state"] != "published":
        return
    scene.screen.say("downloading it and checking every byte")
    folder = manager.download(built["version"], scene.system.home / "downloads")
    examine(folder, scene.words, scene.fleet.planted, findings)
    verified = scene.system.run_command("exports", "verify", str(folder))
    broken = broken_checksums(folder)
    findings.expect("files whose checksum does not hold", broken, [])
    findings.expect("exit code of `winnow exports verify`", verified.returncode, 0)
    findings.tell("version", f"{folder.name} in {_shown(folder)}")
    findings.tell("checksums", "checksums hold" if not broken and verified.returncode == 0 else "CHECKSUMS DO NOT HOLD")
    before = last_version(scene.system.home)
    if before:
        findings.expect("version answered where nothing has changed", built["version"], before)
    remember_version(scene.system.home, built["version"])


def _shown(path: Path) -> str:
    """A path as short as it can be written from here."""
    return f"./{path.relative_to(Path.cwd())}" if path.is_relative_to(Path.cwd()) else str(path)


def _batches(words: Sequence[Word]) -> Iterator[list[Word]]:
    rest = iter(words)
    while batch := list(islice(rest, WORDS_A_REQUEST)):
        yield batch
