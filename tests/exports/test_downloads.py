"""Who got which file of a version: listed for whoever manages the project."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exports.queries import find_version
from exports.service import log_download
from foundation.database import unit_of_work, utc_now
from foundation.http.keys import Role
from tests.exports.rigs import Rig

pytestmark = pytest.mark.slow


class TestDownloads:
    def test_each_has_version_file_key_and_time(self, rig: Rig) -> None:
        rig.fill()
        version = rig.build(draft=True)["version"]
        reader = rig.new_key(Role.READ)
        rig.fetch(version, "README.md")
        rig.call("GET", f"{rig.at}/versions/{version}/files/manifest.json", key=reader)

        found = rig.call("GET", f"{rig.at}/downloads").json

        assert [(one["version"], one["path"]) for one in found["downloads"]] == [
            (version, "manifest.json"),
            (version, "README.md"),
        ]
        assert found["cursor"] is None
        assert len({one["key"] for one in found["downloads"]}) == 2

    def test_one_versions_and_one_keys(self, rig: Rig) -> None:
        rig.fill()
        first = rig.build(draft=True)["version"]
        rig.fetch(first, "README.md")
        reader = rig.new_key(Role.READ)
        rig.call("GET", f"{rig.at}/versions/{first}/files/manifest.json", key=reader)
        rig.label({"lol": ["good"]})
        second = rig.build(draft=True)["version"]
        rig.fetch(second, "README.md")
        everything = rig.call("GET", f"{rig.at}/downloads").json["downloads"]
        readers = next(one["key"] for one in everything if one["path"] == "manifest.json")

        of_version = rig.call("GET", f"{rig.at}/downloads", query_string={"version": second}).json["downloads"]
        of_key = rig.call("GET", f"{rig.at}/downloads", query_string={"key": readers}).json["downloads"]

        assert [one["version"] for one in of_version] == [second]
        assert [one["path"] for one in of_key] == ["manifest.json"]

    def test_they_come_in_pages(self, small_rig: Rig) -> None:
        small_rig.fill()
        name = small_rig.build(draft=True)["version"]
        now = utc_now()
        with unit_of_work(small_rig.database) as session:
            version = find_version(session, small_rig.project_id, name)
            for n in range(201):
                log_download(session, version, f"file {n}", key_id=None, now=now + timedelta(seconds=n // 3))

        first = small_rig.call("GET", f"{small_rig.at}/downloads").json
        second = small_rig.call("GET", f"{small_rig.at}/downloads", query_string={"cursor": first["cursor"]}).json

        paths = [one["path"] for one in first["downloads"] + second["downloads"]]
        assert len(paths) == len(set(paths)) == 201
        assert (len(first["downloads"]), second["cursor"]) == (200, None)
        assert second["downloads"][0]["key"] is None

    @pytest.mark.parametrize(
        ("query", "status"), [({"key": "x"}, 422), ({"cursor": "x"}, 422), ({"version": "9.9.9"}, 404)]
    )
    def test_what_cannot_be_read_is_told(self, small_rig: Rig, query: dict[str, str], status: int) -> None:
        assert small_rig.call("GET", f"{small_rig.at}/downloads", query_string=query).status_code == status

    def test_they_are_for_who_manages(self, small_rig: Rig) -> None:
        keys = [small_rig.new_key(role) for role in (Role.INGEST, Role.BACKEND, Role.READ)]

        assert [small_rig.call("GET", f"{small_rig.at}/downloads", key=key).status_code for key in keys] == [403] * 3
