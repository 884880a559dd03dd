"""Pictures of how VIPaint comes to its completions.

  python -m experiments.vipaint.figures --out figures/emoji64 \\
      --table experiments/vipaint/tables/emoji64.py --row rotated_vipaint2 \\
      --images 0,1,2,3

Under --out lie

  progress.png    E[x0 | z_Ts] of one sample after every so many updates of the
                  fit (paper, Fig. 4)
  levels.png      E[x0 | z] of one sample from T_e over the levels to T_s, then
                  through the refinement (Figs. 1, 3)
  diversity.png   several samples of each image (Fig. 7)
  classes.png     each image fitted and completed under several classes, where
                  --classes names some (Fig. 24)
  loss.png, .csv  the fit's loss and its terms, mean of the images (.png with
                  the extra `plots`)

with the draws of a run of the same configuration and seed: the last column of
levels.png is that run's first sample, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
import csv
import io
import pathlib
import sys
from typing import Any, NamedTuple

from absl import app
from absl import flags
import jax
import jax.numpy as jnp
import numpy as np

from experiments.vipaint import inputs
from jaxguide import evaluation
from jaxguide import noises
from jaxguide import pixels
from jaxguide import samplers
from jaxguide.evaluation import methods
from jaxguide.evaluation import overrides
from jaxguide.evaluation import pictures
from jaxguide.evaluation import store
from jaxguide.evaluation import table_files
from jaxguide.training import curves

TERMS = ("total", "reconstruction", "hierarchy", "diffusion")


class Traces(NamedTuple):
  """What is shown of N images, in [-1, 1] and not clipped.

  Attributes:
    reference: `[N, H, W, C]`.
    observed: the observation as a picture, likewise.
    progress: `[P, N, H, W, C]`, after every so many updates.
    levels: `[K + columns, N, H, W, C]`, from T_e down.
    samples: `[S, N, H, W, C]`.
    classes: `[L, N, H, W, C]`, the first sample under every class; None
      unless asked for.
    history: the loss before every update and its terms, `TERMS`,
      `[num_iterations, N]` each.
    step_levels: the levels of the schedule that `levels` are estimates at.
  """

  reference: np.ndarray
  observed: np.ndarray
  progress: np.ndarray
  levels: np.ndarray
  samples: np.ndarray
  history: tuple[np.ndarray, ...]
  step_levels: np.ndarray
  classes: np.ndarray | None = None


def trace(
    experiment: evaluation.Experiment,
    images: Sequence[int],
    *,
    every: int = 10,
    columns: int = 6,
    num_samples: int = 4,
    classes: Sequence[int] = (),
) -> Traces:
  """Fits images and keeps what is on the way to their samples.

  Args:
    experiment: its method is a `methods.Vipaint`.
    images: numbers in its data set.
    every: updates between the posteriors of `progress`.
    columns: estimates kept of the refinement, its first and last among them;
      at most its steps.
    num_samples: S.
    classes: of the prior, each image is completed under every one of them.

  Raises:
    ValueError: another method, an image that is not there or cannot be read,
      a count out of range, or classes of a prior that has none or not these.
  """
  given = inputs.load(experiment, images)
  _check_classes(classes, given)
  method, plan, steps = given.method, given.shared.plan, given.shared.steps
  shown = _columns(plan.num_levels, steps.index.size, columns)

  @jax.jit
  def run(shared, rows):
    keys, problem = given.functions.problem(shared, rows)
    fit = method.fit_with_history(
        shared.plan, noises.prng_noise(keys), problem, keep_every=every)
    draw = lambda posterior, sample, steps, **options: _sample(
        method, keys, problem, shared.plan, posterior, sample, steps,
        **options)
    upper = jax.tree.map(lambda leaf: leaf[:plan.num_levels], shared.steps)
    progress = jax.lax.map(
        lambda posterior: draw(posterior, 0, upper).x, fit.trajectory)
    kept = draw(
        fit.posterior, 0, shared.steps, record=lambda state: state.x0
    ).trajectory[shown]
    samples = jax.lax.map(
        lambda sample: draw(fit.posterior, sample, shared.steps).x,
        jnp.arange(num_samples))
    decode = problem.prior.codec.decode
    return {
        "observed": problem.picture(), "history": tuple(fit.history),
        **{name: jax.lax.map(decode, z) for name, z in (
            ("progress", progress), ("levels", kept), ("samples", samples))}}

  found = jax.device_get(run(given.shared, given.rows))
  if classes:
    found["classes"] = _under_classes(given, classes)
  # An image alone is computed twice.
  count = len(images)
  return Traces(
      reference=given.rows.references[:count],
      observed=found.pop("observed")[:count],
      history=tuple(term[:, :count] for term in found.pop("history")),
      step_levels=np.asarray(steps.level.level)[shown],
      **{name: part[:, :count] for name, part in found.items()})


def _under_classes(
    given: inputs.Inputs, classes: Sequence[int]
) -> np.ndarray:
  """The first sample of every image, fitted and sampled under every class."""

  @jax.jit
  def complete(shared, rows):
    keys, problem = given.functions.problem(shared, rows)
    posterior = given.method.fit(
        shared.plan, noises.prng_noise(keys), problem)
    x = _sample(given.method, keys, problem, shared.plan, posterior, 0,
                shared.steps).x
    return problem.prior.codec.decode(x)

  label = np.zeros_like(given.rows.indices)
  return np.stack([
      complete(given.shared, given.rows._replace(
          conditions={**given.rows.conditions,
                      "label": np.full_like(label, one)}))
      for one in classes])


def _check_classes(classes: Sequence[int], given: inputs.Inputs) -> None:
  if not classes:
    return
  prior = given.functions.prior
  known = next(
      (c.num_values for c in prior.conditions if c.name == "label"), None)
  if known is None:
    raise ValueError(
        f"classes {list(classes)} need a prior with classes; "
        f"{prior.name} has none")
  wrong = [one for one in classes if not 0 <= one < known]
  if wrong:
    raise ValueError(f"classes must be in 0..{known - 1}, got {wrong}")


def write(
    traces: Traces,
    out: pathlib.Path | str,
    every: int,
    classes: Sequence[str] = (),
) -> None:
  """Writes what the module's text lists.

  Args:
    traces: from `trace`.
    out: folder to write to; made if needed.
    every: of `trace`.
    classes: what the classes of `trace` are called.
  """
  out = pathlib.Path(out)
  out.mkdir(parents=True, exist_ok=True)
  counts = [every * (n + 1) for n in range(len(traces.progress))]
  _grid(out / "progress.png", traces, traces.progress,
        [f"{count} updates" for count in counts])
  _grid(out / "levels.png", traces, traces.levels,
        [f"level {level}" for level in traces.step_levels])
  _grid(out / "diversity.png", traces, traces.samples,
        [f"sample {n + 1}" for n in range(len(traces.samples))])
  if traces.classes is not None:
    titles = [str(one) for one in classes] or [""] * len(traces.classes)
    _grid(out / "classes.png", traces, traces.classes, titles)
  means = [term.mean(axis=1) for term in traces.history]
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator="\n")
  writer.writerow(("update", *TERMS))
  writer.writerows(
      [n, *(f"{v:.6g}" for v in row)]
      for n, row in enumerate(zip(*means, strict=True)))
  store.write_atomic(out / "loss.csv", buffer.getvalue().encode())
  if not curves.installed():
    return
  lines = [
      curves.Curve(list(enumerate(mean.tolist())), colour, 2, name)
      for name, mean, colour in zip(TERMS, means, curves.COLOURS, strict=False)]
  store.write_atomic(out / "loss.png", pictures.encode_png(curves.draw(
      lines, title="loss of the fit", x_label="updates", log_scale=True)))


def _sample(
    method: methods.Vipaint,
    keys: jax.Array,
    problem: Any,
    plan: Any,
    posterior: Any,
    sample: Any,
    steps: samplers.Steps,
    **options: Any,
) -> samplers.Samples:
  """A sample of every image, with the draws that a run would make."""
  noise = noises.prng_noise(
      jax.vmap(lambda key: jax.random.fold_in(key, sample))(keys))
  sampler = method.sampler(
      problem.prior.denoiser(), noise,
      problem._replace(fitted=(plan, posterior)))
  z = noise(-1, "start", posterior.mu.shape[2:])
  return samplers.sample(sampler, z, steps, **options)


def _columns(num_levels: int, num_steps: int, columns: int) -> np.ndarray:
  """Steps whose estimates are shown: all of the hierarchy, some below."""
  below = num_steps - (num_levels - 1)
  if not 1 <= columns <= below:
    raise ValueError(f"columns must be in 1..{below}, got {columns}")
  some = np.linspace(0, below - 1, columns).round().astype(int)
  return np.concatenate([np.arange(num_levels - 1), num_levels - 1 + some])


def _grid(
    path: pathlib.Path, traces: Traces, columns: np.ndarray,
    titles: Sequence[str],
) -> None:
  parts = [traces.observed, *columns, traces.reference]
  rows = [[pixels.to_uint8(part[n]) for part in parts]
          for n in range(len(traces.reference))]
  pictures.write_grid(
      path, rows, column_labels=["observed", *titles, "original"],
      cell_size=96)


def define_flags() -> None:
  """The command's flags; not at import, where two commands would clash."""
  flags.DEFINE_string(
      "table", None, "Table file that holds the row; it is executed.")
  flags.DEFINE_string(
      "row", None, "Name of the row; not needed where there is one alone.")
  flags.DEFINE_string("out", None, "Folder to write to.")
  flags.DEFINE_list("images", ["0", "1", "2", "3"], "Their numbers.")
  flags.DEFINE_integer(
      "every", 10, "Updates between columns of progress.png.", lower_bound=1)
  flags.DEFINE_integer(
      "columns", 6, "Estimates of the refinement in levels.png.", lower_bound=1)
  flags.DEFINE_integer(
      "samples", 4, "Samples in diversity.png.", lower_bound=1)
  flags.DEFINE_list(
      "classes", [], "Numbers of classes to complete the images under.")
  flags.DEFINE_multi_string(
      "set", [], "name=value: replaces one field of the experiment; repeated.")
  flags.DEFINE_bool("smoke", False, "Run the row's tiny version.")


def main(argv: list[str]) -> int:
  """Reads the flags and draws."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  values = flags.FLAGS
  try:
    experiment = overrides.override(
        table_files.load_row(values.table, values.row, smoke=values.smoke),
        values.set)
    images, classes = (
        [int(n) for n in given] for given in (values.images, values.classes))
    traces = trace(
        experiment, images, every=values.every, columns=values.columns,
        num_samples=values.samples, classes=classes)
    write(traces, values.out, values.every,
          [f"class {one}" for one in classes])
  except (ValueError, OSError) as error:
    sys.stderr.write(f"figures: {' '.join(str(error).split())}\n")
    return 2
  return 0


if __name__ == "__main__":
  define_flags()
  flags.mark_flags_as_required(["table", "out"])
  app.run(main)
