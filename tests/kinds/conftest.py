"""The installation that tests of versions play with."""

from tests.exports.conftest import rig  # noqa: F401 - a fixture
