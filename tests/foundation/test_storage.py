"""One contract for blobs, kept by a folder and by an S3 server."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path

import pytest

from foundation.errors import NotFound, Unavailable
from foundation.storage import Blobs
from tests.servers import free_port

NAME = "slang/ab/ab34-5f.jpg"


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "blobs")
    return f"{request.getfixturevalue('bucket_url')}/{tmp_path.name}"


@pytest.fixture
def blobs(url: str) -> Blobs:
    return Blobs.open(url)


class TestBlobs:
    @pytest.mark.parametrize("content", [b"", b"bytes", os.urandom(3 << 20)], ids=["empty", "small", "large"])
    def test_what_was_put_is_got(self, blobs, content):
        blobs.put(NAME, content)

        assert blobs.get(NAME) == content

    def test_a_stream_can_be_put(self, blobs):
        blobs.put(NAME, BytesIO(b"from a stream"))

        assert blobs.get(NAME) == b"from a stream"

    def test_another_reader_sees_it(self, blobs, url):
        blobs.put(NAME, b"bytes")

        assert Blobs.open(url).get(NAME) == b"bytes"

    def test_the_later_content_stands(self, blobs):
        blobs.put(NAME, b"first")
        blobs.put(NAME, b"second")

        assert blobs.get(NAME) == b"second"

    def test_what_is_not_there_is_not_found(self, blobs):
        with pytest.raises(NotFound):
            blobs.get(NAME)

    def test_it_knows_what_is_there(self, blobs):
        blobs.put(NAME, b"bytes")

        assert blobs.exists(NAME)
        assert not blobs.exists("slang/ab")
        assert not blobs.exists("slang/other.jpg")

    def test_deleting_twice_is_as_deleting_once(self, blobs):
        blobs.put(NAME, b"bytes")
        blobs.delete(NAME)
        blobs.delete(NAME)

        assert not blobs.exists(NAME)

    def test_many_writers_of_one_name_leave_one_whole_blob(self, blobs):
        contents = [bytes([letter]) * 200_000 for letter in range(8)]
        writers = [threading.Thread(target=blobs.put, args=(NAME, content)) for content in contents]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()

        assert blobs.get(NAME) in contents

    @pytest.mark.parametrize(
        "name", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a/.b", "a\\b", "a\n", "é", "a" * 513]
    )
    def test_a_name_that_could_lead_elsewhere_is_refused(self, blobs, name):
        for use in (blobs.get, blobs.delete, blobs.exists, lambda name: blobs.put(name, b"x")):
            with pytest.raises(ValueError, match="a blob's name"):
                use(name)

    def test_it_works_after_a_fork(self, blobs, url):
        blobs.put(NAME, b"bytes")
        script = (
            "import os, sys\nfrom foundation.storage import Blobs\n"
            f"blobs = Blobs.open({url!r}); blobs.get({NAME!r})\n"
            f"child = os.fork()\nif not child: os._exit(0 if blobs.get({NAME!r}) == b'bytes' else 1)\n"
            "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        )

        assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0


class TestFolder:
    def test_only_the_owner_can_read(self, tmp_path):
        Blobs.open(f"file://{tmp_path}/blobs").put(NAME, b"bytes")

        assert stat.S_IMODE((tmp_path / "blobs" / NAME).stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "blobs" / NAME).parent.stat().st_mode) == 0o700

    def test_a_put_that_fails_leaves_the_old_blob_and_nothing_else(self, tmp_path):
        class Broken(BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError("the disk is gone")

        blobs = Blobs.open(str(tmp_path))
        blobs.put(NAME, b"old")

        with pytest.raises(Unavailable):
            blobs.put(NAME, Broken())
        assert blobs.get(NAME) == b"old"
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / NAME]

    def test_what_a_killed_process_left_unfinished_goes_after_a_day(self, tmp_path):
        Blobs.open(str(tmp_path))
        for name, age_s in (("old", 90_000), ("new", 60)):
            (tmp_path / ".unfinished" / name).touch()
            then = (tmp_path / ".unfinished" / name).stat().st_mtime - age_s
            os.utime(tmp_path / ".unfinished" / name, (then, then))

        Blobs.open(str(tmp_path))
        assert [path.name for path in (tmp_path / ".unfinished").iterdir()] == ["new"]


@pytest.mark.slow
class TestBucket:
    def test_a_store_that_does_not_answer_is_unavailable(self, monkeypatch, tmp_path):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
        script = (
            "from foundation.errors import Unavailable\nfrom foundation.storage import Blobs\n"
            "try: Blobs.open('s3://winnow/blobs').put('a', b'x')\nexcept Unavailable: print('unavailable')\n"
        )
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_MAX_ATTEMPTS": "1"}
        ended = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=True
        )

        assert ended.stdout == "unavailable\n"


def test_another_kind_of_store_is_refused():
    with pytest.raises(ValueError, match="a folder or s3"):
        Blobs.open("ftp://example.invalid/blobs")
