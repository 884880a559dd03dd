"""Training of EGSDE's domain extractor, and its export; see README.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.egsde import accuracy
from experiments.egsde import domains
from jaxguide import convert
from jaxguide import models
from jaxguide import schedules
from jaxguide.convert.networks import extractor_start as extractors
from jaxguide.evaluation import pictures
from jaxguide.evaluation import store as run_store
from jaxguide.metrics import perceptual
from jaxguide.training import checkpoints
from jaxguide.training import config as training_config
from jaxguide.training import curves as training_curves
from jaxguide.training import log
from jaxguide.training import loop
from jaxguide.training import noisy_classifier

RUN_FILE = "run.json"
LOG_FILE = "training_log.csv"
ACCURACY_FILE = "accuracy.csv"
CURVE_FILE = "accuracy.png"

# What may change between the sessions of one run.
_FREE = ("log_every", "checkpoint_every", "accuracy_every")


def make_apply(
    recipe: training_config.ClassifierTraining,
) -> noisy_classifier.Apply:
  """`apply(params, x_t, time)` -> logits."""
  module = models.AdmClassifier(**recipe.module)
  return lambda params, x_t, time: module.apply({"params": params}, x_t, time)


def read_classifier(
    recipe: training_config.ClassifierTraining,
    path: str | os.PathLike[str],
) -> convert.Model:
  """The classifier that a trunk starts from.

  Args:
    recipe: of the extractor.
    path: model directory of a classifier of the same trunk, such as the
      converted ADM ImageNet classifier.

  Raises:
    ValueError: there is no such directory, it is damaged, or its trunk is
      another.
  """
  if not pathlib.Path(path).is_dir():
    raise ValueError(
        f"classifier is {path}; there is no such directory. Convert one with: "
        "jaxguide convert 256x256_classifier.pt --card adm_classifier256 "
        f"--out {path}")
  model = convert.load_model(path)
  zeros = jax.tree.map(
      lambda leaf: np.broadcast_to(np.float32(0), leaf.shape),
      jax.eval_shape(lambda: init_params(recipe)))
  extractors.from_classifier(model.params, zeros)
  return model


def init_params(
    recipe: training_config.ClassifierTraining,
    classifier: convert.Model | None = None,
) -> dict[str, Any]:
  """The parameters before training.

  Args:
    recipe: the network and the seed.
    classifier: from `read_classifier`; None: from scratch.

  Raises:
    ConversionError: its trunk is another.
  """
  module = models.AdmClassifier(**recipe.module)
  x = jnp.zeros((2, recipe.image_size, recipe.image_size, module.in_channels))
  fresh = jax.jit(module.init)(
      jax.random.key(recipe.seed), x, jnp.zeros(2))["params"]
  if classifier is None:
    return fresh
  start = extractors.from_classifier(classifier.params, fresh)
  _say(f"{len(start.copied)} parameters are those of the classifier")
  _say(f"fresh: {', '.join(start.fresh)}")
  _say(f"dropped: {', '.join(start.dropped)}")
  return jax.tree.map(jnp.asarray, start.params)


def init_state(
    recipe: training_config.ClassifierTraining,
    classifier: convert.Model | None = None,
) -> noisy_classifier.ClassifierState:
  """The state before the first update; see `init_params`."""
  return noisy_classifier.init_state(
      init_params(recipe, classifier), _optimizer(recipe))


def train(
    experiment: domains.ExtractorTraining,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    classifier: str | os.PathLike[str] | None = None,
) -> noisy_classifier.ClassifierState:
  """Trains, or goes on training, in the folder `out`.

  Args:
    experiment: network, recipe and domains.
    data: what the domains' places are relative to.
    out: folder of everything written.
    classifier: model directory that the trunk starts from, see
      `read_classifier`; None: from scratch.

  Returns:
    The last state.

  Raises:
    ValueError: the images or the classifier do not fit, or `out` holds a run
      of something else.
  """
  recipe, out = experiment.recipe, pathlib.Path(out)
  train_set = _read(data, experiment)
  held_out = _read(data, experiment, held_out=True)
  # Read before the folder is claimed: a slip must not spoil it.
  given = None if classifier is None else read_classifier(recipe, classifier)
  _claim(out, experiment, (train_set, held_out), given)
  apply, schedule = make_apply(recipe), schedules.linear(recipe.num_levels)
  store = checkpoints.Checkpoints(out / "checkpoints")
  state = store.resume(lambda: init_state(recipe, given))
  first = int(state.step)
  if not training_curves.installed():
    _say(training_curves.MISSING)
  _say(f"{recipe.name} from step {first} to {recipe.num_steps}")
  update = noisy_classifier.make_update(apply, _optimizer(recipe), schedule)
  measure = accuracy.make_measure(
      apply, schedule, held_out, recipe.accuracy_levels, recipe.batch_size)
  state = loop.train(
      state, jax.jit(update, donate_argnums=0),
      domains.batches(train_set, recipe, first),
      jax.random.key(recipe.seed + 1), num_steps=recipe.num_steps,
      hooks=[
          loop.Hook(recipe.log_every, _write_row(out, first)),
          loop.Hook(
              recipe.accuracy_every,
              _write_accuracy(out, first, measure, held_out.label)),
          loop.Hook(recipe.checkpoint_every, store.save),
      ])
  store.close()
  return state


def export(
    experiment: domains.ExtractorTraining,
    run: str | os.PathLike[str],
    destination: str | os.PathLike[str],
) -> int:
  """Writes a model directory of a run's newest checkpoint, in float16.

  The run's tables and curve are copied beside.

  Args:
    experiment: of the run.
    run: its folder, with at least one checkpoint.
    destination: the new model directory; `convert.load_model` reads it.

  Returns:
    How many updates are behind the parameters.

  Raises:
    ValueError: there is no checkpoint, it is of another configuration, or the
      destination exists.
  """
  recipe, run = experiment.recipe, pathlib.Path(run)
  destination = pathlib.Path(destination)
  if not (run / "checkpoints").is_dir():
    raise ValueError(f"{run}: holds no checkpoint")
  store = checkpoints.Checkpoints(run / "checkpoints")
  if store.latest_step() is None:
    raise ValueError(f"{run}: holds no checkpoint")
  # Shapes say enough: nothing has to be initialised.
  state = store.restore(jax.eval_shape(lambda: init_state(recipe)))
  store.close()
  step = int(state.step)
  config = convert.ModelConfig(
      family="adm_classifier", module=recipe.module,
      image_size=recipe.image_size, channels=3, prediction=None,
      schedule={"kind": "linear", "num_steps": recipe.num_levels},
      licence=experiment.domains.licence,
      source={"trained_by": "experiments/egsde", "name": recipe.name,
              "domains": list(experiment.domains.train), "updates": step,
              "batch_size": recipe.batch_size})
  convert.save_model(
      destination, jax.tree.map(np.asarray, state.params), config,
      container="safetensors", dtype=np.float16)
  for name in (LOG_FILE, ACCURACY_FILE, CURVE_FILE):
    if (run / name).exists():
      shutil.copy(run / name, destination)
  return step


def _optimizer(recipe):
  return noisy_classifier.annealed_adamw(
      recipe.learning_rate, recipe.num_steps, recipe.weight_decay)


def _read(
    data: str | os.PathLike[str], experiment: domains.ExtractorTraining, *,
    held_out: bool = False,
) -> domains.LabelledImages:
  found = domains.read(
      data, experiment.domains, experiment.recipe.image_size,
      held_out=held_out)
  for error in found.skipped:
    _say(f"skipped {error}")
  counts = ", ".join(map(str, np.bincount(found.label)))
  _say(f"{'held-out' if held_out else 'training'} images by domain: {counts}")
  return found


def _claim(
    out: pathlib.Path,
    experiment: domains.ExtractorTraining,
    image_sets: Sequence[domains.LabelledImages],
    classifier: convert.Model | None,
) -> None:
  """Notes what a folder's run is of; refuses to go on with anything else.

  A classifier is known by its weights, wherever it lies.
  """
  wanted = dataclasses.asdict(experiment)
  for name in _FREE:
    del wanted["recipe"][name]
  wanted["classifier"] = classifier and perceptual.weights_digest(
      classifier.params)
  for name, found in zip(("images", "held_out"), image_sets, strict=True):
    wanted[name] = {
        "count": np.bincount(found.label).tolist(),
        "sha256": hashlib.sha256(found.pixels.tobytes()).hexdigest()}
  text = run_store.dump_json(wanted)
  path = out / RUN_FILE
  if path.exists():
    found = json.loads(path.read_text("utf-8"))
    changed = list(run_store.differences(found, json.loads(text)))
    if changed:
      raise ValueError(
          f"{out} holds a run of another kind: {'; '.join(changed)}")
  run_store.write_atomic(path, text)


def _write_row(
    out: pathlib.Path, first: int,
) -> Callable[[noisy_classifier.ClassifierState], None]:
  table = log.TrainingLog(
      out / LOG_FILE, ("train_loss", "train_accuracy"), first)

  def write(state):
    row = table.append(
        int(state.step), float(state.average_loss),
        float(state.average_accuracy))
    _say(", ".join(f"{name} {value}" for name, value in row.items()))

  return write


def _write_accuracy(
    out: pathlib.Path,
    first: int,
    measure: Callable[[Any], list[accuracy.LevelScore]],
    label: np.ndarray,
) -> Callable[[noisy_classifier.ClassifierState], None]:
  table = log.StepTable(out / ACCURACY_FILE, accuracy.COLUMNS, first)

  def write(state):
    step = str(int(state.step))
    scores = measure(state.params)
    table.append(
        [step, str(s.level), f"{s.loss:.6f}", f"{s.accuracy:.6f}",
         str(s.images)] for s in scores)
    curves = {}
    for row in table.rows:
      curves.setdefault(int(row[0]), []).append((int(row[1]), float(row[3])))
    if training_curves.installed():
      picture = accuracy.draw_curves(curves, accuracy.chance(label))
      run_store.write_atomic(out / CURVE_FILE, pictures.encode_png(picture))
    _say(f"step {step}, accuracy by level " + ", ".join(
        f"{s.level}: {s.accuracy:.3f}" for s in scores))

  return write


def _say(text: str) -> None:
  sys.stderr.write(f"train_extractor: {text}\n")
