"""Rows that run the same program compile it once."""

from tests.evaluation.conftest import compiled_programs  # noqa: F401
