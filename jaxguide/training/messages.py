"""What a training says while it runs, on stderr."""

from __future__ import annotations

import sys


def say(text: str) -> None:
  """Writes one line, which begins with "train: "."""
  sys.stderr.write(f"train: {text}\n")
