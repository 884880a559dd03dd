"""The losses of the recorded runs, written from their description.

The released losses are built around small random stand-in networks, whose
weights lie in each recording in PyTorch's layout.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import energies
from jaxguide import operators
from jaxguide.operators import lifts
from tests.samplers import recordings

Weights = Mapping[str, np.ndarray]
Loss = Callable[[jax.Array], jax.Array]

CLIP_MEAN = np.float32([0.48145466, 0.4578275, 0.40821073])
CLIP_STD = np.float32([0.26862954, 0.26130258, 0.27577711])
CLIP_SIDE = 28
VGG_GREY = np.float32([0.2989, 0.5870, 0.1140])
# Index of a convolution in the sequential layout; "pool" is 2x2 maximum and
# "keep" marks the outputs relu1_2, relu2_2 and relu3_3.
VGG_LAYOUT = (0, 2, "keep", "pool", 5, 7, "keep", "pool", 10, 12, 14, "keep")


def luma(x: jax.Array) -> jax.Array:
  """0.299 R + 0.587 G + 0.114 B, one channel."""
  red, green, blue = (x[..., i:i + 1] for i in range(3))
  return 0.299 * red + 0.587 * green + 0.114 * blue


def resizers(
    shape: tuple[int, int], factor: int, axes: str
) -> tuple[operators.Operator, lifts.Lift]:
  """The released resizer downward and upward, along the given axes."""
  return (
      operators.bicubic(shape, factor, boundary="zero", axes=axes),
      lifts.bicubic_up(shape, factor, boundary="zero", axes=axes),
  )


def terms(recording: recordings.Recording) -> list[energies.Term]:
  """The energies of a recorded network task, with weights and windows."""
  cond, y = recording.config["cond"], jnp.asarray(recording.image("init_image"))
  if cond == "custom":
    return [_term(custom(recording.network("net"), y), _scale(recording, 30.0))]
  if "Semantics" in cond:
    loss = semantics(recording.network("parser"), y)
    return [_term(loss, _scale(recording, 30000.0))]
  if "Identity" in cond:
    loss = identity(recording.network("clip"), y)
    return [_term(loss, _scale(recording, 300.0))]
  if "editing" in cond:
    first, last = text_window(recording)
    clip = recording.network("clip")
    return [
        _term(multiscale(recording.network("vgg"), y), 10.0),
        # Level i + 1 is the recorded index i.
        _term(text(clip), energies.window(first + 1, last + 1, 150.0)),
    ]
  raise ValueError(f"no loss is described for condition {cond!r}")


def _term(loss: Loss, weight: energies.Weight) -> energies.Term:
  return energies.Term(lambda x, level, draw: loss(x), weight)


def _scale(recording: recordings.Recording, default: float) -> float:
  return float(recording.config.get("lambda", default))


def text_window(recording: recordings.Recording) -> tuple[int, int]:
  """First and last respaced index at which the text term is open."""
  return 0, 7


def extra_draws(recording: recordings.Recording) -> np.ndarray | None:
  """Which iterations draw once more: those with the text term open."""
  if "editing" not in recording.config["cond"]:
    return None
  first, last = text_window(recording)
  index = np.arange(recordings.schedule_of(recording).num_levels)[::-1]
  open_at = (index >= first) & (index <= last)
  return np.repeat(open_at, recording.num_inner)


def conv(
    x: jax.Array, weights: Weights, name: str, stride: int = 1, pad: int = 0
) -> jax.Array:
  """A convolution of PyTorch's layout on NHWC."""
  out = jax.lax.conv_general_dilated(
      x, jnp.asarray(weights[f"{name}.weight"]), (stride, stride),
      [(pad, pad)] * 2, dimension_numbers=("NHWC", "OIHW", "NHWC"),
  )
  bias = weights.get(f"{name}.bias")
  return out if bias is None else out + bias


def custom(weights: Weights, y: jax.Array) -> Loss:
  """mean((f(x0) - f(y))^2), f two convolutions with SiLU between."""

  def features(x):
    h = jax.nn.silu(conv(x, weights, "0", pad=1))
    return conv(h, weights, "2", stride=2, pad=1)

  target = features(y)
  return lambda x: jnp.mean((features(x) - target) ** 2, axis=(1, 2, 3))


def semantics(weights: Weights, y: jax.Array) -> Loss:
  """Cross-entropy with logits, fed probabilities, as released."""

  def probabilities(x):
    pixels = jnp.clip((x + 1) / 2, 0, 1) * 255
    h = jax.nn.silu(conv(pixels / 255, weights, "0", pad=1))
    return jax.nn.softmax(4 * conv(h, weights, "2", pad=1), axis=-1)

  wanted = probabilities(y)

  def loss(x):
    p = probabilities(x)
    return jnp.mean(jnp.log1p(jnp.exp(p)) - wanted * p, axis=(1, 2, 3))

  return loss


def embed(weights: Weights, x: jax.Array) -> jax.Array:
  """The stand-in image encoder, normalised: `[B, 16]`."""
  x = ((x + 1) / 2 - CLIP_MEAN) / CLIP_STD
  x = resize_bilinear(x, CLIP_SIDE)
  h = jax.nn.silu(conv(x, weights, "c", stride=7))
  flat = h.transpose(0, 3, 1, 2).reshape(h.shape[0], -1)
  return normalise(flat @ weights["l.weight"].T + weights.get("l.bias", 0))


def resize_bilinear(x: jax.Array, side: int) -> jax.Array:
  """Half-pixel centres, no antialiasing, both axes to `side`."""
  for axis in (1, 2):
    size = x.shape[axis]
    at = np.clip((np.arange(side) + 0.5) * size / side - 0.5, 0, size - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, size - 1)
    share = np.float32(at - low).reshape([-1 if a == axis else 1
                                          for a in range(4)])
    x = (jnp.take(x, low, axis) * (1 - share)
         + jnp.take(x, high, axis) * share)
  return x


def normalise(e: jax.Array) -> jax.Array:
  length = jnp.sqrt(jnp.sum(e**2, axis=-1, keepdims=True))
  return e / jnp.maximum(length, 1e-12)


def identity(weights: Weights, y: jax.Array) -> Loss:
  """1 - cosine of the embeddings of x0 and y."""
  target = embed(weights, y)
  return lambda x: 1 - jnp.sum(embed(weights, x) * target, axis=-1)


def text(weights: Weights) -> Loss:
  """1 - cosine of the embedding of x0 and the recorded text embedding."""
  target = normalise(jnp.asarray(weights["txt"]).reshape(1, -1))
  return lambda x: 1 - jnp.sum(embed(weights, x) * target, axis=-1)


def multiscale(weights: Weights, y: jax.Array) -> Loss:
  """The mean of three feature errors of VGG on grey images in [-1, 1]."""

  def features(x):
    grey = jnp.sum(x * VGG_GREY, axis=-1, keepdims=True)
    h, kept = jnp.repeat(grey, 3, axis=-1), []
    for layer in VGG_LAYOUT:
      if layer == "keep":
        kept.append(h)
      elif layer == "pool":
        b, height, width, c = h.shape
        h = h.reshape(b, height // 2, 2, width // 2, 2, c).max(axis=(2, 4))
      else:
        h = jax.nn.relu(conv(h, weights, str(layer), pad=1))
    return kept

  targets = features(y)

  def loss(x):
    errors = [
        jnp.mean((f - t) ** 2, axis=(1, 2, 3))
        for f, t in zip(features(x), targets, strict=True)
    ]
    return sum(errors) / len(errors)

  return loss


def unit_arrays(
    unit: Weights,
) -> tuple[np.ndarray, int, float, np.ndarray]:
  """x0 (NHWC), respaced index, loss, gradient (NHWC) of a recorded check."""
  images = {k: v for k, v in unit.items() if np.ndim(v) == 4}
  scalars = {k: v for k, v in unit.items() if np.size(v) == 1}
  (gradient,) = (k for k in images if "grad" in k)
  (x0,) = (k for k in images if k != gradient)
  (index,) = (k for k, v in scalars.items()
              if k == "t" or np.issubdtype(np.asarray(v).dtype, np.integer))
  (loss,) = (k for k in scalars if k != index)
  return (
      np.moveaxis(images[x0], 1, -1),
      int(np.reshape(scalars[index], ())),
      float(np.reshape(scalars[loss], ())),
      np.moveaxis(images[gradient], 1, -1),
  )
