"""Runs of the same program compile it once."""

from tests.evaluation.conftest import compiled_programs  # noqa: F401
