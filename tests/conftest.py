"""Settings that have to be made before JAX starts."""

import os

import pytest

# Eight virtual devices, so that one device and many can be compared.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
_FLAG = "--xla_force_host_platform_device_count=8"
if _FLAG not in os.environ.get("XLA_FLAGS", ""):
  os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAG}"

import jax  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def _drop_programs():
  """Thousands of compiled programs would take gigabytes by the last test."""
  yield
  jax.clear_caches()
