"""Tests of the samplers, and the contract that any sampler can be put to."""

import pytest

# Its plain asserts then say what was compared.
pytest.register_assert_rewrite("tests.samplers.contract")
