"""Numbers that schedules are made of: betas, sigmas, timesteps kept.

Float64 numpy alone: schedules are made outside jit. Betas and timesteps are
0-based, as in the released programs; `schedules` has the levels that belong
to them.
"""

import math
import operator
from typing import Any

import numpy as np


def check_count(name: str, value: Any, most: int | None = None) -> None:
  """Raises `ValueError` unless `value` is an integer from 1 to `most`.

  Args:
    name: name of the argument in the caller, for the message.
    value: value of any type; a Python or numpy integer passes.
    most: largest value allowed; None for no bound.
  """
  allowed = "at least 1" if most is None else f"in 1..{most}"
  try:
    count = operator.index(value)
  except TypeError:
    found = " ".join(repr(value).split())
    raise ValueError(
        f"{name} must be an integer {allowed}, got {found}") from None
  if count < 1 or (most is not None and count > most):
    raise ValueError(f"{name} must be {allowed}, got {value}")


def check_inside(name: str, value: float, bound: float) -> None:
  """Raises `ValueError` unless `value` lies in (0, bound).

  Args:
    name: name of the argument in the caller, for the message.
    value: a real number.
    bound: number above every value allowed; it may be infinite.
  """
  if not 0 < value < bound:
    raise ValueError(f"{name} must be in (0, {bound:g}), got {value:g}")


def linear_betas(
    num_levels: int = 1000, start: float = 1e-4, end: float = 0.02
) -> np.ndarray:
  """The linear betas of Ho et al. 2020, scaled by 1000 / N for other N.

  Args:
    num_levels: N, the number of noisy levels, at least 1.
    start: first beta for N = 1000, positive.
    end: last beta for N = 1000, positive.

  Returns:
    One beta per level, float64 `[N]`; with few levels the scaled ones may
    exceed 1.

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.linear_betas(1000)[[0, -1]]
    array([0.0001, 0.02  ])
  """
  check_count("num_levels", num_levels)
  check_inside("start", start, math.inf)
  check_inside("end", end, math.inf)
  scale = 1000 / num_levels
  return np.linspace(scale * start, scale * end, num_levels, dtype=np.float64)


def cosine_betas(num_levels: int = 1000, max_beta: float = 0.999) -> np.ndarray:
  """The cosine betas of Nichol & Dhariwal 2021, Eq. 17.

  Args:
    num_levels: N, the number of noisy levels, at least 1.
    max_beta: largest beta, in (0, 1); larger ones are cut off there.

  Returns:
    One number per level, float64 `[N]`.

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.cosine_betas(4)
    array([0.153 , 0.417 , 0.7079, 0.999 ])
  """
  check_count("num_levels", num_levels)
  check_inside("max_beta", max_beta, 1)
  u = np.arange(num_levels + 1, dtype=np.float64) / num_levels
  curve = np.cos((u + 0.008) / 1.008 * np.pi / 2) ** 2
  return np.minimum(1 - curve[1:] / curve[:-1], max_beta)


def scaled_linear_betas(
    num_levels: int = 1000, start: float = 0.0015, end: float = 0.0195
) -> np.ndarray:
  """Betas linear in their square roots (latent diffusion's "linear").

  Args:
    num_levels: N, the number of noisy levels, at least 1.
    start: first beta, in (0, 1).
    end: last beta, in (0, 1).

  Returns:
    One number per level, float64 `[N]`.

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.scaled_linear_betas(1000)[[0, -1]]
    array([0.0015, 0.0195])
  """
  check_count("num_levels", num_levels)
  check_inside("start", start, 1)
  check_inside("end", end, 1)
  roots = np.linspace(start**0.5, end**0.5, num_levels, dtype=np.float64)
  return roots**2


def edm_sigmas(
    num_levels: int,
    sigma_min: float = 0.002,
    sigma_max: float = 80.0,
    rho: float = 7.0,
) -> np.ndarray:
  """The increasing sigmas of Karras et al. 2022, Eq. 5.

  Args:
    num_levels: N, the number of noisy levels, at least 1; a single level is
      `sigma_max`.
    sigma_min: sigma of level 1, positive.
    sigma_max: sigma of level N, above `sigma_min` and finite.
    rho: curvature, positive; larger values put more levels near `sigma_min`.

  Returns:
    One number per level, float64 `[N]`.

  Raises:
    ValueError: naming the argument out of range.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.edm_sigmas(4)
    array([ 0.002 ,  0.47  ,  9.7232, 80.    ])
  """
  _check_sigmas(num_levels, sigma_min, sigma_max)
  check_inside("rho", rho, math.inf)
  ramp = np.linspace(0, 1, num_levels) if num_levels > 1 else np.ones(1)
  try:
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
  except OverflowError:
    raise ValueError(
        f"rho must be larger for sigma_max={sigma_max:g}, got {rho:g}"
    ) from None
  return (low + ramp * (high - low)) ** rho


def geometric_sigmas(
    num_levels: int, sigma_min: float = 0.01, sigma_max: float = 50.0
) -> np.ndarray:
  """The increasing sigmas of Song et al. 2021, a geometric sequence.

  Args:
    num_levels: N, the number of noisy levels, at least 1; a single level is
      `sigma_max`.
    sigma_min: sigma of level 1, positive.
    sigma_max: sigma of level N, above `sigma_min` and finite.

  Returns:
    One number per level, float64 `[N]`.

  Raises:
    ValueError: naming the argument out of range.
  """
  _check_sigmas(num_levels, sigma_min, sigma_max)
  low = sigma_min if num_levels > 1 else sigma_max
  return np.geomspace(low, sigma_max, num_levels)


def _check_sigmas(num_levels: int, sigma_min: float, sigma_max: float) -> None:
  check_count("num_levels", num_levels)
  check_inside("sigma_max", sigma_max, math.inf)
  check_inside("sigma_min", sigma_min, sigma_max)


def space_timesteps(num_timesteps: int, respacing: str | int) -> np.ndarray:
  """Which of `num_timesteps` 0-based timesteps a respacing keeps.

  "100" keeps 100 of them, both ends included, at a real-valued stride rounded
  half to even; "10,20,30" splits the range into sections (the first ones one
  longer where it does not divide) and strides each in that way; "ddim50"
  takes the smallest integer stride that gives exactly 50; "" keeps all.

  Args:
    num_timesteps: length of the original table.
    respacing: the rule, or an integer count.

  Returns:
    The timesteps kept, int64 `[n]`, increasing.

  Raises:
    ValueError: if the rule cannot be met, naming it, or `num_timesteps` is
      not positive.

  Example:
    >>> from jaxguide import schedules
    >>> schedules.space_timesteps(1000, "4")
    array([  0, 333, 666, 999])
    >>> schedules.space_timesteps(1000, "ddim4")
    array([  0, 250, 500, 750])
  """
  check_count("num_timesteps", num_timesteps)
  rule = str(respacing).strip()
  if not rule:
    return np.arange(num_timesteps)
  if rule.startswith("ddim"):
    return _integer_stride(num_timesteps, rule)
  try:
    counts = [int(part) for part in rule.split(",")]
  except ValueError:
    raise ValueError(
        "respacing must be counts, 'ddimN' or '', got "
        f"{respacing!r}"
    ) from None
  kept, first = [], 0
  for i, count in enumerate(counts):
    size = num_timesteps // len(counts) + (i < num_timesteps % len(counts))
    if not 1 <= count <= size:
      raise ValueError(
          f"respacing {respacing!r} must keep 1..{size} of the timesteps of "
          f"section {i}, got {count}"
      )
    stride = 1.0 if count == 1 else (size - 1) / (count - 1)
    # The released tables come from repeated addition, not multiplication.
    position = 0.0
    for _ in range(count):
      kept.append(first + round(position))
      position += stride
    first += size
  return np.asarray(sorted(set(kept)), np.int64)


def _integer_stride(num_timesteps: int, rule: str) -> np.ndarray:
  """The "ddimN" rule of `space_timesteps`."""
  digits = rule.removeprefix("ddim")
  if not digits.isdigit():
    raise ValueError(
        f"respacing must read 'ddimN' with a count N, got {rule!r}")
  for stride in range(1, num_timesteps):
    kept = range(0, num_timesteps, stride)
    if len(kept) == int(digits):
      return np.asarray(kept, np.int64)
  raise ValueError(
      f"respacing must be 'ddimN' with an N that an integer stride keeps of "
      f"{num_timesteps} timesteps, got {rule!r}"
  )


def respaced_betas(
    alpha_bar: np.ndarray, timesteps: np.ndarray
) -> np.ndarray:
  """Betas of the subsequence `timesteps` of a table of cumulative products.

  beta'_i = 1 - alpha_bar[m_i] / alpha_bar[m_(i-1)], with 1 before the first.

  Args:
    alpha_bar: cumulative products, `[N]`, 0-based.
    timesteps: timesteps that are kept, increasing 0-based indices `[n]`.

  Returns:
    One beta per timestep, float64 `[n]`.

  Raises:
    ValueError: if timesteps do not increase, or leave 0..N-1.

  Example:
    >>> import numpy as np
    >>> from jaxguide import schedules
    >>> alpha_bar = np.array([0.8, 0.6, 0.2])
    >>> schedules.respaced_betas(alpha_bar, np.array([0, 2]))
    array([0.2 , 0.75])
  """
  alpha_bar = np.asarray(alpha_bar, np.float64)
  timesteps = np.asarray(timesteps)
  _check_timesteps(timesteps, alpha_bar.size)
  kept = alpha_bar[timesteps]
  return 1 - kept / np.concatenate([[1.0], kept[:-1]])


def _check_timesteps(timesteps: np.ndarray, count: int) -> None:
  if timesteps.ndim != 1 or timesteps.dtype.kind not in "iu":
    raise ValueError(
        "timesteps must be integers [n], got shape "
        f"{timesteps.shape} of {timesteps.dtype}")
  wrong = np.diff(timesteps.astype(np.int64), prepend=-1) <= 0
  wrong |= timesteps >= count
  if wrong.any():
    at = int(np.argmax(wrong))
    raise ValueError(
        f"timesteps must increase within 0..{count - 1}, got "
        f"{timesteps[at]} at index {at}")
