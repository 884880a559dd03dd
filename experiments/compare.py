"""Joins finished runs over the same images in one table and one picture.

  python experiments/compare.py --out results/cat2dog \\
      --config experiments/egsde/configs/cat2dog_egsde.py \\
      --run SDEdit=results/cat2dog_sdedit --run ILVR=results/cat2dog_ilvr \\
      --run EGSDE=results/cat2dog_egsde \\
      --run EGSDE-dagger=results/cat2dog_egsde_dagger

The config, which may be that of any of them, says which images and which
published rows are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
import pathlib
import sys

from absl import app
from absl import flags

from jaxguide.evaluation import overrides
from jaxguide.evaluation import table_files
from jaxguide.evaluation.reporting import comparison


def define_flags() -> None:
  """The command's flags; not at import, where two commands would clash."""
  flags.DEFINE_string("config", None, "Python file with get_config.")
  flags.DEFINE_string("out", None, "Folder for table.md and grid.png.")
  flags.DEFINE_multi_string("run", [], "LABEL=FOLDER; repeated.")
  flags.DEFINE_list(
      "names", [], "Images of the grid by name; the first ones when left out.")
  flags.DEFINE_multi_string(
      "set", [], "name=value, as for evaluate.py; may be repeated.")
  flags.DEFINE_bool("smoke", False, "The config's tiny version.")


def main(argv: Sequence[str]) -> int:
  """Reads the flags and compares."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  values = flags.FLAGS
  try:
    runs = dict(_split(text) for text in values.run)
    experiment = overrides.override(
        table_files.load(values.config, smoke=values.smoke), values.set)
    comparison.compare(experiment, runs, values.out, names=values.names)
  except (OSError, ValueError) as error:
    sys.stderr.write(f"compare: {error}\n")
    return 1
  sys.stdout.write(
      pathlib.Path(values.out, "table.md").read_text(encoding="utf-8"))
  return 0


def _split(text: str) -> tuple[str, str]:
  label, equals, folder = text.partition("=")
  if not (label and equals and folder):
    raise ValueError(f"--run needs LABEL=FOLDER, got {text!r}")
  return label, folder


if __name__ == "__main__":
  define_flags()
  flags.mark_flags_as_required(["config", "out"])
  app.run(main)
