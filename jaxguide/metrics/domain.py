"""Whether a classifier of domains takes a translation for one of the other."""

from __future__ import annotations

import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import operators
from jaxguide.convert import model_store
from jaxguide.metrics import metric
from jaxguide.metrics import perceptual
from jaxguide.metrics import quantisation


def domain_metric(
    model: model_store.Model,
    label: int,
    *,
    quantise: str = "uint8",
    name: str = "domain_accuracy",
) -> metric.Metric:
  """1 where the classifier's first choice is `label`, else 0.

  Its mean over images is the accuracy on outputs. The classifier sees the
  clean picture at time 0, its lowest noise level; the very extractor that
  guides EGSDE is no independent judge. No reference is used. Keep the
  metric: programs are compiled for each one made.

  Args:
    model: a model of family "adm_classifier", such as a trained extractor.
    label: number of the wanted domain, 0 for the first folder of its
      training.
    quantise: rule of `metrics.quantise` for the step to 8 bits: "uint8",
      "uint8_truncated" or "none".
    name: name of the column.

  Returns:
    A metric that gives 1 or 0 per image.

  Raises:
    ValueError: if the model is no classifier, or has no such domain.

  Example:
    >>> import importlib.resources
    >>> from jaxguide import convert, metrics
    >>> embedded = importlib.resources.files("jaxguide") / "embedded"
    >>> model = convert.load_model(embedded / "emoji32_extractor")
    >>> metrics.domain_metric(model, label=1).name
    'domain_accuracy'
  """
  if model.config.family != "adm_classifier":
    raise ValueError(
        "model must be of family 'adm_classifier', got "
        f"{model.config.family!r}")
  module = model_store.build_module(model.config)
  if not 0 <= label < module.out_channels:
    raise ValueError(
        f"label must be in 0..{module.out_channels - 1}, got {label}")

  def function(
      x: arrays.Images,
      reference: arrays.Images | None = None,
      *,
      observation: operators.Observation | None = None,
      mask: arrays.Images | None = None,
  ) -> arrays.PerImage:
    del reference, observation, mask
    x = quantisation.quantise(x, quantise)
    logits = module.apply(
        {"params": model.params}, x, jnp.zeros(x.shape[0], x.dtype))
    return jnp.float32(jnp.argmax(logits, axis=-1) == label)

  details = {
      "label": label, "time": 0, "range": (-1.0, 1.0),
      "weights": perceptual.weights_digest(model.params)}
  return metric.Metric(
      name, metric.sign("domain", details, quantise), function,
      higher_is_better=True, symmetric=False)
