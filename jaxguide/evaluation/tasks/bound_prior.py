"""A prior met by a batch: its parameters and the images' classes bound."""

from typing import NamedTuple

import jax.numpy as jnp

from jaxguide import arrays
from jaxguide import codecs
from jaxguide import convert
from jaxguide import denoisers
from jaxguide import variational


class BoundPrior(NamedTuple):
  """What a method may ask of the prior, inside the compiled function.

  Attributes:
    prior: the pretrained prior.
    params: its parameters, an argument of the function.
    labels: int `[B]`, the class of each row; None without classes.
  """

  prior: convert.Prior
  params: arrays.PyTree
  labels: arrays.PerImage | None = None

  @property
  def codec(self) -> codecs.Codec:
    """Between images and states."""
    return self.prior.codec(self.params)

  def denoiser(
      self, *, guidance_scale: float = 1.0, repeats: int = 1
  ) -> denoisers.Denoiser:
    """The denoiser of B * repeats rows, those of one image in a row.

    Args:
      guidance_scale: of classifier-free guidance; 1 is the conditional
        network alone, which costs half as much.
      repeats: rows of states per row of labels.

    Raises:
      ValueError: if guidance is asked for without labels, or of a prior
        without a null label.
    """
    labels = self.labels
    if labels is not None and repeats > 1:
      labels = variational.repeat(labels, repeats)
    conditional = self.prior.denoiser(self.params, labels)
    if guidance_scale == 1:
      return conditional
    check_guidance(self.prior, labels is not None, (guidance_scale,))
    null = jnp.full_like(labels, self.prior.null_label)
    return denoisers.classifier_free(
        conditional, self.prior.denoiser(self.params, null), guidance_scale)


def check_guidance(
    prior: convert.Prior, has_labels: bool, scales: tuple[float, ...]
) -> None:
  """Refuses scales of classifier-free guidance that cannot be had.

  Args:
    prior: of the run.
    has_labels: whether the images have classes.
    scales: those that are asked for; 1 always goes.

  Raises:
    ValueError: naming the scale.
  """
  wanted = [scale for scale in scales if scale != 1]
  if not wanted:
    return
  if prior.null_label is None:
    raise ValueError(
        f"guidance scale {wanted[0]:g} needs a prior with a null label; "
        f"{prior.name} has none")
  if not has_labels:
    raise ValueError(
        f"guidance scale {wanted[0]:g} needs labels of the images")
