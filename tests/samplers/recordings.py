"""Recorded runs of the released Steered Diffusion, and how to replay them.

Recordings are NCHW with one image; everything handed out here is NHWC.
"""

import functools
import glob
import json
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import denoisers
from jaxguide import noises
from jaxguide import samplers
from jaxguide import schedules
from jaxguide.models import adm_unet

# Not to be read off the shapes; the recordings' README states it.
NUM_HEAD_CHANNELS = 16


class Recording(NamedTuple):
  """One file: its settings and its arrays as stored."""

  config: dict[str, Any]
  arrays: dict[str, np.ndarray]

  @property
  def shape(self) -> tuple[int, int]:
    return self.arrays["init_image"].shape[-2:]

  @property
  def num_inner(self) -> int:
    return self.config["num_iters"]

  def image(self, name: str) -> np.ndarray:
    """An array whose last three axes are channels, height and width."""
    return np.moveaxis(self.arrays[name], -3, -1)

  def network(self, prefix: str) -> dict[str, np.ndarray]:
    """The arrays under `prefix/`, by the rest of their name."""
    start = prefix + "/"
    return {
        k.removeprefix(start): v
        for k, v in self.arrays.items() if k.startswith(start)
    }


def folder() -> str:
  return os.path.join(os.environ.get("JAXGUIDE_RECORDED", ""), "steered")


@functools.cache
def files() -> tuple[str, ...]:
  return tuple(sorted(glob.glob(os.path.join(folder(), "*.npz"))))


@functools.cache
def load(path: str) -> Recording:
  with np.load(path) as archive:
    stored = {k: archive[k] for k in archive.files}
  config = json.loads(str(stored.pop("config_json")))
  return Recording(config, stored)


@functools.cache
def network() -> tuple[adm_unet.AdmUnet, Any]:
  """The recorded UNet and its parameters."""
  for path in files():
    with np.load(path) as archive:
      if any(k.startswith("sd/") for k in archive.files):
        tensors = {k.removeprefix("sd/"): archive[k] for k in archive.files
                   if k.startswith("sd/")}
        break
  else:
    raise FileNotFoundError(f"no npz with keys sd/* in {folder()}")
  net = infer_network(tensors)
  return net, fill(net, tensors)


@functools.cache
def network_outputs() -> Any:
  """The recorded network, compiled: `(x [B, ...], time [B]) -> [B, ...]`."""
  net, params = network()
  apply = jax.jit(net.apply)

  def outputs(x, time):
    # Rows are repeated to chunks of ten, so that there is one program.
    padded = -(-len(x) // 10) * 10
    rows = (np.arange(padded) % len(x)).reshape(-1, 10)
    with jax.default_matmul_precision("highest"):
      out = [apply({"params": params}, x[r], time[r]) for r in rows]
    return np.concatenate(out)[:len(x)]

  return outputs


def infer_network(tensors: dict[str, np.ndarray]) -> adm_unet.AdmUnet:
  """Reads a UNet's options off its tensors, its level structure included.

  An output block that changes the size has one more module at its end, so
  their count gives the levels.
  """
  blocks = 1 + max(_index(k) for k in tensors if k.startswith("output_blocks."))
  ups = [
      k for k in tensors
      if k.startswith("output_blocks.") and not k.split(".")[2] == "0"
      and (k.endswith(".in_layers.2.weight") or k.endswith(".conv.weight"))
  ]
  levels = 1 + len(ups)
  per_level = blocks // levels
  first = tensors["input_blocks.0.0.weight"]
  mult, factors = [], []
  for level in range(levels):
    block = f"input_blocks.{1 + level * per_level}"
    width = tensors[f"{block}.0.out_layers.3.weight"].shape[0]
    mult.append(width / first.shape[0])
    if f"{block}.1.qkv.weight" in tensors:
      factors.append(2**level)
  block = "input_blocks.1.0"
  doubled = (tensors[f"{block}.emb_layers.1.weight"].shape[0]
             == 2 * tensors[f"{block}.out_layers.3.weight"].shape[0])
  return adm_unet.AdmUnet(
      in_channels=first.shape[1],
      out_channels=tensors["out.2.weight"].shape[0],
      model_channels=first.shape[0],
      channel_mult=tuple(mult),
      num_res_blocks=per_level - 1,
      attention_factors=tuple(factors),
      num_head_channels=NUM_HEAD_CHANNELS,
      use_scale_shift_norm=doubled,
      resblock_updown=not any(k.endswith(".conv.weight") for k in ups),
      conv_impl="lax",
  )


def _index(key: str) -> int:
  return int(key.split(".")[1])


def fill(
    net: adm_unet.AdmUnet, tensors: dict[str, np.ndarray]
) -> dict[str, Any]:
  """Parameters from tensors in PyTorch's names; every tensor is used."""
  size = 2 ** len(net.channel_mult) * 4
  shapes = jax.eval_shape(
      net.init, jax.random.key(0),
      jnp.zeros((2, size, size, net.in_channels)), jnp.zeros(2),
  )["params"]
  left = dict(tensors)

  def leaf(path, shape):
    *module, name = (entry.key for entry in path)
    kind = "bias" if name == "bias" else "weight"
    value = left.pop(".".join([*module, kind]))
    if name == "kernel":
      value = _kernel(value, len(shape.shape))
    if value.shape != shape.shape:
      raise ValueError(f"{module}: {value.shape} does not fit {shape.shape}")
    return jnp.asarray(value)

  params = jax.tree_util.tree_map_with_path(leaf, shapes)
  if left:
    raise ValueError(f"tensors without a place: {sorted(left)}")
  return params


def _kernel(value: np.ndarray, rank: int) -> np.ndarray:
  """OIHW to HWIO, and [O, I] or [O, I, 1] to [I, O]."""
  if rank == 4:
    return value.transpose(2, 3, 1, 0)
  return value.reshape(value.shape[:2]).T


def denoiser(params: Any, clip: bool) -> denoisers.Denoiser:
  """The recorded network as a denoiser of its eps."""
  net, _ = network()

  def apply(params, x, time, cond):
    del cond
    return net.apply({"params": params}, x, time)

  learned = net.out_channels == 2 * net.in_channels
  denoise = denoisers.from_apply(
      apply, params, prediction="eps", learned_variance=learned
  )
  return denoisers.clip_x0(denoise) if clip else denoise


class Replay(NamedTuple):
  """What a replay gives: everything a recording holds, NHWC."""

  x_T: jax.Array  # noqa: N815
  model_in: jax.Array
  pred: jax.Array
  start: jax.Array
  sample_inner: jax.Array
  final: jax.Array


def schedule_of(recording: Recording) -> schedules.Schedule:
  """Level i + 1 of this schedule is the recording's index i."""
  respacing = recording.config["timestep_respacing"]
  return schedules.respace(schedules.linear(1000), respacing)


def steps_of(recording: Recording) -> samplers.Steps:
  schedule = schedule_of(recording)
  return samplers.steered_steps(
      schedule, schedule.num_levels, num_inner=recording.num_inner,
      variant="released",
  )


class Replayer:
  """`steered(variant="released")`, compiled once for a recording.

  Attributes:
    steps: the recording's plan.
    tables: its draws by slot, `[index, inner, B, ...]`.
  """

  def __init__(
      self,
      recording: Recording,
      *,
      extra: np.ndarray | None = None,
      clip: bool | None = None,
      **options: Any,
  ):
    """Prepares a replay.

    Args:
      recording: its settings and noise are used.
      extra: see `steered_draw_order`.
      clip: whether to clip x0; what the recording says when left out.
      **options: of `steered`.
    """
    self.steps = steps_of(recording)
    order = samplers.steered_draw_order(self.steps, extra)
    noise = jnp.asarray(recording.image("noise"))
    self.tables = {slot: noise[at] for slot, at in order.items()}
    clip = recording.config["clip_denoised"] if clip is None else clip

    @jax.jit
    def run(params, tables, steps):
      sampler = samplers.steered(
          denoiser(params, clip), noises.recorded_noise(tables), **options,
      )
      first = jax.tree.map(lambda leaf: leaf[0], steps)
      z = tables["start"][0, 0]
      out = samplers.sample(sampler, z, steps, record=lambda state: state)
      return sampler.init(z, first), out

    self._run = run

  def __call__(
      self,
      steps: samplers.Steps | None = None,
      tables: dict[str, jax.Array] | None = None,
  ) -> Replay:
    """Replays, with the recording's own plan and draws or others."""
    _, params = network()
    with jax.default_matmul_precision("highest"):
      begin, out = self._run(
          params, tables or self.tables, steps or self.steps)
    kept = out.trajectory
    return Replay(
        x_T=begin.x,
        model_in=jnp.concatenate([begin.x[None], kept.x[:-1]]),
        pred=kept.x0,
        start=kept.x0_steered,
        sample_inner=kept.x_next,
        final=out.x,
    )
