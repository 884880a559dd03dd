"""Programs that compile fast, for what is asked once and to a tolerance."""

import functools

import jax

# A good part of a compilation on CPU is LLVM's optimisation, which does not
# pay for what runs for milliseconds. Last bits are those of another program:
# what is compared bit for bit is compiled as users compile it.
FAST = {"xla_backend_optimization_level": 0}

jit = functools.partial(jax.jit, compiler_options=FAST)
