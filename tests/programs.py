"""Programs that compile fast, for what is asked once and to a tolerance."""

import functools

import jax

# LLVM takes most of a compilation on CPU, and optimised code of what runs
# for milliseconds is not worth it. Last bits are those of another program:
# what is compared bit for bit is compiled as users compile it.
FAST = {"xla_backend_optimization_level": 0}

jit = functools.partial(jax.jit, compiler_options=FAST)
