"""What the tests of versions share."""

from hypothesis import settings

# The first example imports Arrow; on a busy machine that alone takes longer than a deadline.
settings.register_profile("exports", deadline=None)
settings.load_profile("exports")
