"""Compiled programs are kept while these tests run: many runs share one."""

import jax
from jax.experimental.compilation_cache import compilation_cache
import pytest

_SETTINGS = ("jax_compilation_cache_dir",
             "jax_persistent_cache_min_compile_time_secs")


@pytest.fixture(scope="package", autouse=True)
def compiled_programs(tmp_path_factory):
  """A cache of compiled programs; gives its folder."""
  before = [getattr(jax.config, name) for name in _SETTINGS]
  folder = str(tmp_path_factory.mktemp("programs"))
  for name, value in zip(_SETTINGS, (folder, 0.0), strict=True):
    jax.config.update(name, value)
  compilation_cache.reset_cache()
  yield folder
  for name, value in zip(_SETTINGS, before, strict=True):
    jax.config.update(name, value)
  compilation_cache.reset_cache()
