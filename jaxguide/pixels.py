"""Pixels: 8 bits in files, float32 in [-1, 1] everywhere else."""

from __future__ import annotations

import numpy as np

from jaxguide import arrays

RULES = ("uint8", "uint8_truncated")


def to_uint8(x: np.ndarray, rule: str = "uint8") -> np.ndarray:
  """Float pictures in [-1, 1] as 8 bits: clipped, rounded half to even.

  Args:
    x: pictures of any shape; NaN is not allowed.
    rule: "uint8_truncated" cuts off instead of rounding; values within 1e-3
      of the next grey level are that level.

  Raises:
    ValueError: the rule is unknown.
  """
  arrays.check_choice("rule", rule, RULES)
  scaled = (np.asarray(x, np.float32) + np.float32(1)) * np.float32(127.5)
  scaled = np.clip(scaled, 0, 255)
  whole = np.rint(scaled) if rule == "uint8" else np.floor(
      scaled + np.float32(1e-3))
  return whole.astype(np.uint8)


def to_float(x: np.ndarray) -> np.ndarray:
  """Values 0..255 of any shape as float32 in [-1, 1]: x / 127.5 - 1."""
  return np.asarray(x, np.float32) / np.float32(127.5) - np.float32(1)
