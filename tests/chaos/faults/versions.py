"""Faults of what was published."""

from __future__ import annotations

import random

from exports.documents.manifest import MANIFEST
from exports.keeping.store import VERSIONS
from exports.keeping.verify import verify_folder
from tests.chaos.faults.registry import fault
from tests.chaos.world import World

LABELLED = 60
ERASED_WITHIN_S = 60


@fault("F30", "a bit of a version's file flips: verify names the file, and a download is refused")
def flip_bit(world: World, chance: random.Random) -> None:
    """The file is put back afterwards, and the version holds again."""
    for person in world.erased:  # or it may be withdrawn, with all its files, while this looks at it
        world.erasure_ends(person, within_s=ERASED_WITHIN_S)
    row = world.build_version(LABELLED)
    if row.get("status") != "done":
        raise AssertionError(f"no version can be built: {row}")
    version = row["result"]["version"]
    folder = max((world.home / VERSIONS).rglob(MANIFEST), key=lambda path: path.stat().st_mtime_ns).parent
    path = chance.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
    try:
        path.write_bytes(flipped)
        told = {problem.path for problem in verify_folder(folder).problems}
        taken, _ = world.download(version)
    finally:
        path.write_bytes(whole)
    name = path.relative_to(folder).as_posix()
    if name not in told:
        raise AssertionError(f"a bit flipped in {name} is not told: {told}")
    if not taken.returncode:
        raise AssertionError(f"a version with a bit flipped in {name} is downloaded as if it were whole")
    if not verify_folder(folder).ok:
        raise AssertionError(f"with {name} put back, the version does not hold")
