"""Feature sets: networks that sets of pictures are compared by, with names.

A Frechet distance is called FID only where it is one: of the published
Inception network's features, prepared as one of the published programs does.
Everything else carries its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxguide import arrays
from jaxguide.convert import metric_files
from jaxguide.convert import model_store
from jaxguide.metrics import perceptual
from jaxguide.metrics import preprocessing as preparing
from jaxguide.metrics import samples
from jaxguide.models import inception
from jaxguide.models import layers
from jaxguide.models import perceptual_trunks

# The names of the distances by the published network, by preprocessing.
_FID_NAMES = {
    preparing.PYTORCH_FID.name: ("fid", "kid"),
    preparing.CLEAN.name: ("fid_clean", "kid_clean"),
    preparing.CLEAN_LEGACY_PYTORCH.name: (
        "fid_clean_legacy_pytorch", "kid_clean_legacy_pytorch"),
    preparing.LEGACY_TENSORFLOW.name: (
        "fid_legacy_tensorflow", "kid_legacy_tensorflow"),
    preparing.EGSDE_FACES.name: ("fid_egsde_faces", "kid_egsde_faces"),
}
# Pictures that pass the network at once. The last ones are filled up to as
# many, so that a picture's features never depend on how many there were.
BATCH = 16


@dataclasses.dataclass(frozen=True)
class FeatureSet:
  """Features of 8-bit pictures.

  Attributes:
    name: name of the network and the layer.
    signature: description of all that changes the features.
    num_features: D, the number of features of a picture.
    preprocessing: steps from a picture to the network's input.
    network: function of prepared pictures `[B, h, w, 3]` that gives features
      `[B, D]`.
    frechet_name: name of the Frechet distance by these features.
    kernel_name: name of the kernel distance by these features.

  Example:
    >>> import numpy as np
    >>> from jaxguide import metrics
    >>> features = metrics.FeatureSet(
    ...     "mean", "features=mean", 3, metrics.Preprocessing("as-is"),
    ...     lambda x: x.mean(axis=(1, 2)), "frechet_mean", "kernel_mean")
    >>> features([np.full((4, 4, 3), 255, np.uint8)])
    array([[1., 1., 1.]], dtype=float32)
  """

  name: str
  signature: str
  num_features: int
  preprocessing: preparing.Preprocessing
  network: Callable[[arrays.Images], arrays.Batch]
  frechet_name: str
  kernel_name: str

  def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """The features of pictures, float32 `[N, D]`.

    Args:
      pictures: N >= 0 pictures, uint8 `[H, W, 3]` each, of any sizes. They
        are all in memory at once; `extract` reads many.

    Raises:
      ValueError: if a picture has another type, or is too small for the
        network.
    """
    ready = [preparing.on_host(p, self.preprocessing) for p in pictures]
    found = np.zeros((len(ready), self.num_features), np.float32)
    groups: dict[tuple[int, ...], list[int]] = {}
    for n, picture in enumerate(ready):
      groups.setdefault(picture.shape, []).append(n)
    for places in groups.values():
      for first in range(0, len(places), BATCH):
        chosen = places[first:first + BATCH]
        found[chosen] = self._batch([ready[n] for n in chosen])
    return found

  def extract(
      self, pictures: Iterable[tuple[int, np.ndarray]]
  ) -> samples.FeatureSample:
    """The features of numbered pictures, read one batch at a time.

    Args:
      pictures: pairs of a number and a picture, uint8 `[H, W, 3]`, in any
        order.

    Raises:
      ValueError: if there are none, or a number repeats.
    """
    numbers, found, waiting = [], [], []
    for number, picture in pictures:
      numbers.append(number)
      waiting.append(picture)
      if len(waiting) == BATCH:
        found.append(self(waiting))
        waiting = []
    found.append(self(waiting))
    if not numbers:
      raise ValueError("pictures must have at least one, got none")
    return samples.feature_sample(
        self.signature, numbers, np.concatenate(found))

  def _batch(self, pictures: list[np.ndarray]) -> np.ndarray:
    filled = pictures + [pictures[-1]] * (BATCH - len(pictures))
    with jax.default_matmul_precision("highest"):
      features = self._program(np.stack(filled))
    return np.asarray(features)[:len(pictures)]

  @functools.cached_property
  def _program(self) -> Callable[[np.ndarray], jax.Array]:
    return jax.jit(lambda p: self.network(
        preparing.on_device(p, self.preprocessing)))


def inception_features(
    model: model_store.Model,
    preprocessing: preparing.Preprocessing = preparing.PYTORCH_FID,
) -> FeatureSet:
  """The 2048 features of FID's Inception network.

  Only the published file, known by its SHA-256, gives distances the name
  "fid"; other weights give "frechet_inception_" and a digest of theirs.

  Args:
    model: network from `convert.metric_files.read_inception`.
    preprocessing: steps that bring pictures to a size, such as `PYTORCH_FID`
      or `CLEAN` of `metrics.preprocessing`.

  Returns:
    The feature set, with D = 2048.

  Raises:
    ValueError: if the model is another network.
  """
  _check_family(model, "inception_fid")
  module = inception.InceptionV3()
  digest = perceptual.weights_digest(model.params)
  source = str(model.config.source.get("sha256", ""))
  names = _FID_NAMES.get(preprocessing.name)
  if names is None or not source.startswith(metric_files.INCEPTION_SHA256):
    rest = f"inception_{digest}_{_word(preprocessing.name)}"
    names = (f"frechet_{rest}", f"kernel_{rest}")
  return FeatureSet(
      "inception-v3-fid-pool3",
      _signature("inception-v3-fid-pool3", digest, preprocessing),
      inception.FEATURES, preprocessing,
      lambda x: module.apply({"params": model.params}, x), *names)


def trunk_features(
    model: model_store.Model,
    taps: Sequence[str] = (),
    preprocessing: preparing.Preprocessing = preparing.AS_IS,
) -> FeatureSet:
  """Means over pixels of the features under LPIPS: VGG16 or AlexNet.

  They come with the extra `lpips` and need no download. What they
  measure is not FID, and is called "frechet_vgg_..." and "kernel_vgg_...".

  Args:
    model: network from `convert.metric_files.load_lpips` or `read_lpips`.
    taps: layers of `perceptual_trunks.TAPS`, put one behind the other; the
      last one when empty.
    preprocessing: steps before the network; by default pictures keep their
      size.

  Returns:
    The feature set, D being the width of all taps together.

  Raises:
    ValueError: if the model is another network, or a layer is unknown.
  """
  _check_family(model, "lpips")
  module = model_store.build_module(model.config)
  net, known = module.net, perceptual_trunks.TAPS[module.net]
  taps = tuple(taps) or known[-1:]
  for tap in taps:
    arrays.check_choice("taps", tap, known)
  trunk = perceptual_trunks.PerceptualTrunk(net, module.width_divisor)
  params = model.params["net"]

  def network(x: arrays.Images) -> arrays.Batch:
    x = perceptual_trunks.standardise(x)
    found = dict(zip(known, trunk.apply({"params": params}, x), strict=True))
    return jnp.concatenate(
        [layers.mean_over_pixels(found[tap]) for tap in taps], axis=-1)

  widths = dict(zip(known, perceptual_trunks.WIDTHS[net], strict=True))
  name = f"{net}-{'+'.join(taps)}-mean"
  rest = "_".join([net, *map(_word, taps)])
  if preprocessing.name != preparing.AS_IS.name:
    rest += f"_{_word(preprocessing.name)}"
  return FeatureSet(
      name,
      _signature(name, perceptual.weights_digest(params), preprocessing),
      sum(widths[tap] // module.width_divisor for tap in taps),
      preprocessing, network, f"frechet_{rest}", f"kernel_{rest}")


def _signature(
    name: str, digest: str, preprocessing: preparing.Preprocessing
) -> str:
  parts = [
      f"features={name}", f"weights={digest}",
      f"preprocessing={preprocessing.name}", "dtype=float32"]
  return "|".join(parts)


def _check_family(model: model_store.Model, family: str) -> None:
  if model.config.family != family:
    raise ValueError(
        f"model must be of family {family!r}, got {model.config.family!r}")


def _word(name: str) -> str:
  return name.replace("-", "_")
