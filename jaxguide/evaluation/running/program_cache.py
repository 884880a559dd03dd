"""JAX's cache of compiled programs: runs that differ in data alone share one.
"""

from collections.abc import Iterator
import contextlib
import pathlib
import tempfile

import jax
from jax.experimental.compilation_cache import compilation_cache

_FOLDER = "jax_compilation_cache_dir"
# By default what compiles in under a second is never kept.
_LEAST_SECONDS = "jax_persistent_cache_min_compile_time_secs"


def keep(folder: pathlib.Path | str) -> None:
  """Keeps compiled programs in a folder from now on, between processes too.

  Args:
    folder: made by JAX if needed.
  """
  jax.config.update(_FOLDER, str(pathlib.Path(folder).resolve()))
  jax.config.update(_LEAST_SECONDS, 0.0)
  # A cache that was looked for before, in vain, is not looked for again.
  compilation_cache.reset_cache()


@contextlib.contextmanager
def kept_for_now() -> Iterator[None]:
  """Keeps compiled programs in a temporary folder while the context lasts.

  Where a folder was chosen before, that one serves.
  """
  before = {name: getattr(jax.config, name)
            for name in (_FOLDER, _LEAST_SECONDS)}
  if before[_FOLDER]:
    yield
    return
  with tempfile.TemporaryDirectory() as folder:
    keep(folder)
    try:
      yield
    finally:
      for name, value in before.items():
        jax.config.update(name, value)
      compilation_cache.reset_cache()
