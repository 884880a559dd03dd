"""Trains a prior on the Noto emoji, resuming whatever was interrupted.

  python -m experiments.priors.train \\
      --config experiments/priors/configs/noto32.py --data DIR --out runs/noto32

Under --out lie `checkpoints/`, `training_log.csv`, its curves `loss.png`, and
`pictures/`; `export.py` makes a model directory of them. See README.md.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import pathlib
import sys

from absl import app
from absl import flags
from absl import logging
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.priors import emoji
from experiments.priors import preview
from jaxguide import models
from jaxguide import schedules
from jaxguide.training import checkpoints
from jaxguide.training import config as training_config
from jaxguide.training import curves
from jaxguide.training import diffusion
from jaxguide.training import log
from jaxguide.training import loop

_CONFIG = flags.DEFINE_string(
    "config", None, "Python file whose get_config() returns a PriorTraining.")
_DATA = flags.DEFINE_string(
    "data", None, "Folder of noto64.npz and emoji_index.json.")
_OUT = flags.DEFINE_string("out", None, "Folder of everything written.")
_NUM_STEPS = flags.DEFINE_integer(
    "num_steps", None, "Overrides the configuration's number of updates.")
_DECAY_STEPS = flags.DEFINE_integer(
    "decay_steps", None, "Overrides the length of the learning rate's fall.")

LOG_FILE = "training_log.csv"
CURVE_FILE = "loss.png"

_PICTURE_ROWS, _PICTURE_COLUMNS = 4, 16


def make_optimizer(
    config: training_config.PriorTraining,
) -> optax.GradientTransformation:
  """AdamW with clipped gradients and a warm-up-stable-decay rate."""
  rate = diffusion.warmup_stable_decay(
      config.learning_rate, warmup_steps=config.warmup_steps,
      num_steps=config.num_steps, decay_steps=config.decay_steps)
  return optax.chain(
      optax.clip_by_global_norm(config.clip_norm),
      optax.adamw(rate, b2=0.99, weight_decay=config.weight_decay))


def make_apply(config: training_config.PriorTraining) -> diffusion.Apply:
  """`apply(params, x_t, time, dropout_key)`; see `diffusion.eps_loss`."""
  module = models.AdmUnet(**config.module)
  train_module = module.clone(**config.train_module)

  def apply(params, x_t, time_, dropout_key=None):
    if dropout_key is None:
      return train_module.apply({"params": params}, x_t, time_)
    return train_module.apply(
        {"params": params}, x_t, time_, train=True,
        rngs={"dropout": dropout_key})

  return apply


def init_params(config: training_config.PriorTraining) -> dict:
  """The parameters before training."""
  module = models.AdmUnet(**config.module)
  size = config.image_size
  x = jnp.zeros((2, size, size, module.in_channels))
  init = jax.jit(module.init)
  return init(jax.random.key(config.seed), x, jnp.zeros(2))["params"]


def init_state(
    config: training_config.PriorTraining,
) -> diffusion.TrainState:
  """The state before the first update."""
  return diffusion.init_state(init_params(config), make_optimizer(config))


def held_out_loss(
    apply: diffusion.Apply, schedule: schedules.Schedule, images: np.ndarray,
    batch_size: int,
) -> Callable[[diffusion.TrainState], float]:
  """The loss of the averaged parameters at fixed levels and noise."""
  number = len(images) // batch_size * batch_size
  images = jnp.asarray(images[:number])
  level = 1 + (np.arange(number) * schedule.num_levels) // number
  level = np.random.default_rng(0).permutation(level)
  eps = np.random.default_rng(1).standard_normal(images.shape, np.float32)

  @jax.jit
  def batch_loss(params, x0, level, eps):
    return diffusion.eps_loss(apply, schedule, params, x0, level, eps)

  def loss(state):
    parts = [
        batch_loss(
            state.ema, images[i:i + batch_size], level[i:i + batch_size],
            eps[i:i + batch_size])
        for i in range(0, number, batch_size)]
    return float(jnp.mean(jnp.concatenate(parts)))

  return loss


def draw_picture(
    apply: diffusion.Apply, schedule: schedules.Schedule, images: np.ndarray,
    folder: pathlib.Path,
) -> Callable[[diffusion.TrainState], None]:
  """Writes samples, and held-out images whose lower half is filled in."""
  number = _PICTURE_ROWS * _PICTURE_COLUMNS
  rows = np.linspace(0, len(images) - 1, _PICTURE_COLUMNS).astype(int)
  held_out = images[rows]
  observed = np.zeros((number, *images.shape[1:]), np.float32)
  mask = np.zeros((number, *images.shape[1:3], 1), np.float32)
  observed[-_PICTURE_COLUMNS:] = held_out
  mask[-_PICTURE_COLUMNS:, :images.shape[1] // 2] = 1.0

  @jax.jit
  def sample(params):
    return preview.fill_in(
        lambda x, time_: apply(params, x, time_), schedule, observed, mask,
        jax.random.key(0))

  def draw(state):
    x = np.asarray(sample(state.ema))
    x = x.reshape(_PICTURE_ROWS, _PICTURE_COLUMNS, *x.shape[1:])
    hidden = held_out * mask[-_PICTURE_COLUMNS:]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{int(state.step):06d}.png"
    preview.write_grid(path, [*x[:-1], hidden, x[-1], held_out])

  return draw


def keep_log(
    out: pathlib.Path, first: int,
    evaluate: Callable[[diffusion.TrainState], float],
) -> Callable[[diffusion.TrainState], None]:
  """Writes rows of both losses, and the curves of all rows so far."""
  table = log.TrainingLog(out / LOG_FILE, ("train_loss", "valid_loss"), first)

  def write_row(state):
    row = table.append(
        int(state.step), float(state.average_loss), evaluate(state))
    if curves.installed():
      preview.write_picture(
          out / CURVE_FILE, curves.draw_log(out / LOG_FILE))
    row = ", ".join(f"{name} {value}" for name, value in row.items())
    sys.stderr.write(f"train: {row}\n")

  return write_row


def train(
    config: training_config.PriorTraining, data: str, out: pathlib.Path,
) -> diffusion.TrainState:
  """Trains, or goes on training, in the folder `out`."""
  train_set = emoji.load(data, "train", config.image_size)
  valid_set = emoji.load(data, "valid", config.image_size)
  apply, optimizer = make_apply(config), make_optimizer(config)
  schedule = schedules.linear(config.num_levels)
  store = checkpoints.Checkpoints(
      out / "checkpoints", keep_period=10 * config.checkpoint_every)
  state = store.resume(lambda: init_state(config))
  first = int(state.step)
  if not curves.installed():
    sys.stderr.write(f"train: {curves.MISSING}\n")
  sys.stderr.write(
      f"train: {config.name} from step {first} to {config.num_steps}\n")
  evaluate = held_out_loss(
      apply, schedule, valid_set.images, config.batch_size)
  write_row = keep_log(out, first, evaluate)
  update = diffusion.make_update(
      apply, optimizer, schedule, ema_decay=config.ema_decay,
      weight_limit=config.weight_limit)
  draw = draw_picture(apply, schedule, valid_set.images, out / "pictures")
  return loop.train(
      state, jax.jit(update, donate_argnums=0),
      emoji.batches(train_set, first, config.batch_size, config.seed),
      jax.random.key(config.seed + 1), num_steps=config.num_steps,
      hooks=[
          loop.Hook(config.log_every, write_row),
          loop.Hook(config.checkpoint_every, store.save),
          loop.Hook(config.picture_every, draw),
      ])


def main(argv: list[str]) -> int:
  """Reads the flags and trains."""
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument: {argv[1]}")
  # Orbax reports every file that it touches.
  logging.set_verbosity(logging.WARNING)
  try:
    config = training_config.load(
        _CONFIG.value, training_config.PriorTraining)
    changes = {"num_steps": _NUM_STEPS.value, "decay_steps": _DECAY_STEPS.value}
    config = dataclasses.replace(
        config, **{k: v for k, v in changes.items() if v is not None})
    train(config, _DATA.value, pathlib.Path(_OUT.value))
  except ValueError as error:
    sys.stderr.write(f"train: {error}\n")
    return 2
  return 0


if __name__ == "__main__":
  flags.mark_flags_as_required(["config", "data", "out"])
  app.run(main)
