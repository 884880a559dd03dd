"""What the README promises of the demo: `python .ci/check_demo.py demo`.

Reads the summary.json of every Steered row. How long the demo took is
printed and judged by nobody: that depends on what else the machine does.
"""

from collections.abc import Iterator, Mapping
import json
import pathlib
import sys
from typing import Any, NamedTuple

MIN_IMAGES = 8
ONE_STEP = 2 / 255  # Of 8 bits, on [-1, 1].


class Promise(NamedTuple):
  """Of a task.

  Attributes:
    rows: folders of the Steered rows.
    consistency: the largest RMS difference to the observation.
    beats_input: whether PSNR is above that of the degraded input.
  """

  rows: tuple[str, ...]
  consistency: float
  beats_input: bool = False


PROMISES = {
    "inpaint_box": Promise(("steered_n1", "steered_n3"), ONE_STEP, True),
    "inpaint_strokes": Promise(("steered_n1", "steered_n3"), ONE_STEP, True),
    "colorization": Promise(("steered_n1", "steered_n3"), ONE_STEP),
    # The bicubic lift is no right inverse of the downsampling, so the
    # observation is not met to rounding; the degraded input has 0.06.
    "sr_x4": Promise(("steered_n1",), 0.03),
}


def broken(task: str, summary: Mapping[str, Any]) -> Iterator[str]:
  """What a row does not keep, in words."""
  promise, results = PROMISES[task], summary["results"]
  degraded, steered = results.values()
  count = summary["counts"]["ok"]
  if count < MIN_IMAGES:
    yield f"{count} images, promised are {MIN_IMAGES}"
  found = steered["consistency"]["mean"]
  # Negated, so that a NaN, which is no number here, is not passed over.
  if not isinstance(found, float) or not found < promise.consistency:
    yield f"consistency {found}, promised is below {promise.consistency:.4f}"
  ours, theirs = steered["psnr"]["mean"], degraded["psnr"]["mean"]
  if promise.beats_input and not float(ours) > float(theirs):
    yield f"PSNR {ours}, the degraded input has {theirs}"


def main(folder: pathlib.Path) -> int:
  """Returns the exit status."""
  failures = []
  for task, promise in PROMISES.items():
    for row in promise.rows:
      file = folder / task / row / "summary.json"
      summary = json.loads(file.read_text(encoding="utf-8"))
      failures += [f"{task}/{row}: {b}" for b in broken(task, summary)]
  timing = json.loads((folder / "timing.json").read_text(encoding="utf-8"))
  print(f"demo: {timing['wall_seconds']:.0f} s, of which "
        f"{timing['compile_seconds']:.0f} s compile, on {timing['device']}")
  print("\n".join(failures) or "demo: every promise is kept")
  return 1 if failures else 0


if __name__ == "__main__":
  sys.exit(main(pathlib.Path(sys.argv[1])))
