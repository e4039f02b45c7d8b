"""Settings of the tests of this folder."""

from hypothesis import settings

# A busy machine is no failure: no test here has a time limit.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
