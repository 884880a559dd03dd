"""Settings that have to be made before JAX starts."""

import os
import time

import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")
_FLAGS = (
    # Eight virtual devices, so that one device and many can be compared.
    "--xla_force_host_platform_device_count=8",
    # Each of the workers has one core: a program compiled in many parts at once
    # takes an eighth longer. The code generated is the same.
    "--xla_cpu_parallel_codegen_split_count=1",
)
for _flag in _FLAGS:
  if _flag.split("=")[0] not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_flag}"

import jax  # noqa: E402

# Every compiled program maps memory. Linux allows a process 65,530 maps, and
# LLVM's failure to get one more ends it.
_MANY_MAPS = 30_000


@pytest.fixture(scope="module", autouse=True)
def _drop_programs():
  """Thousands of compiled programs would take gigabytes by the last test."""
  yield
  jax.clear_caches()


@pytest.fixture(autouse=True)
def _drop_many_programs():
  """A module of experiments would compile more than a process may map.

  What took less than a second compiled little, and the next that took longer
  counts it too.
  """
  start = time.monotonic()
  yield
  if time.monotonic() - start < 1:  # Counting takes a while too.
    return
  try:
    with open("/proc/self/maps", "rb") as maps:
      many = sum(1 for _ in maps) > _MANY_MAPS
  except OSError:  # Not Linux.
    return
  if many:
    jax.clear_caches()
