"""Training runs: their folder, their loop and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import pathlib
import sys
from typing import Any

import jax
import optax

from experiments.priors import kinds
from experiments.priors import preview
from jaxguide.training import checkpoints
from jaxguide.training import config as training_config
from jaxguide.training import curves
from jaxguide.training import log
from jaxguide.training import loop
from jaxguide.training import updates

LOG_FILE = "training_log.csv"
CURVE_FILE = "loss.png"

def make_optimizer(
    config: training_config.Training,
) -> optax.GradientTransformation:
  """AdamW with clipped gradients and a warm-up-stable-decay rate."""
  rate = updates.warmup_stable_decay(
      config.learning_rate, warmup_steps=config.warmup_steps,
      num_steps=config.num_steps, decay_steps=config.decay_steps)
  return optax.chain(
      optax.clip_by_global_norm(config.clip_norm),
      optax.adamw(rate, b2=0.99, weight_decay=config.weight_decay))


def init_state(config: training_config.Training) -> updates.TrainState:
  """The state before the first update."""
  return updates.init_state(
      kinds.module_of(config).init_params(config), make_optimizer(config))


def draw_picture(
    draw: Callable[[Any], list[Any]], folder: pathlib.Path,
) -> Callable[[updates.TrainState], None]:
  """Writes what `task.Task.draw` shows of the averaged parameters."""

  def write(state: updates.TrainState) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{int(state.step):06d}.png"
    preview.write_grid(path, draw(state.ema))

  return write


def keep_log(
    out: pathlib.Path, first: int,
    held_out: Callable[[Any], float],
) -> Callable[[updates.TrainState], None]:
  """Writes rows of both losses, and the curves of all rows so far."""
  table = log.TrainingLog(out / LOG_FILE, ("train_loss", "valid_loss"), first)

  def write_row(state):
    row = table.append(
        int(state.step), float(state.average_loss), held_out(state.ema))
    if curves.installed():
      preview.write_picture(
          out / CURVE_FILE, curves.draw_log(out / LOG_FILE))
    row = ", ".join(f"{name} {value}" for name, value in row.items())
    sys.stderr.write(f"train: {row}\n")

  return write_row


def train(
    config: training_config.Training, data: str, out: pathlib.Path,
) -> updates.TrainState:
  """Trains, or goes on training, in the folder `out`."""
  task = kinds.module_of(config).make_task(config, data)
  update = updates.make_update(
      task.loss, make_optimizer(config), ema_decay=config.ema_decay)
  store = checkpoints.Checkpoints(
      out / "checkpoints", keep_period=10 * config.checkpoint_every)
  state = store.resume(lambda: init_state(config))
  first = int(state.step)
  if not curves.installed():
    sys.stderr.write(f"train: {curves.MISSING}\n")
  sys.stderr.write(
      f"train: {config.name} from step {first} to {config.num_steps}\n")
  return loop.train(
      state, jax.jit(update, donate_argnums=0), task.batches(first),
      jax.random.key(config.seed + 1), num_steps=config.num_steps,
      hooks=[
          loop.Hook(config.log_every, keep_log(out, first, task.held_out)),
          loop.Hook(config.checkpoint_every, store.save),
          loop.Hook(
              config.picture_every, draw_picture(task.draw, out / "pictures")),
      ])


def changed(
    config: training_config.Training, **changes: Any,
) -> training_config.Training:
  """`config` with the values that are not None.

  Raises:
    ValueError: a first stage for what has none.
  """
  changes = {k: v for k, v in changes.items() if v is not None}
  unknown = set(changes) - {f.name for f in dataclasses.fields(config)}
  if unknown:
    raise ValueError(f"{config.name} has no {unknown.pop()}")
  return dataclasses.replace(config, **changes)
