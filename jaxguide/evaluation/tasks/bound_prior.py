"""A prior met by a batch: its parameters and the images' conditions bound."""

from collections.abc import Collection
from typing import NamedTuple

from jaxguide import arrays
from jaxguide import codecs
from jaxguide import conditioning
from jaxguide import convert
from jaxguide import denoisers
from jaxguide import variational


class BoundPrior(NamedTuple):
  """What a method may ask of the prior, inside the compiled function.

  Attributes:
    model: the pretrained prior.
    params: parameters of the model, an argument of the function.
    conditions: values of the model's conditions by name, `[B, ...]`.
  """

  model: convert.Prior
  params: arrays.PyTree
  conditions: conditioning.Conditions

  @property
  def codec(self) -> codecs.Codec:
    """Between images and states."""
    return self.model.codec(self.params)

  def denoiser(
      self, *, guidance_scale: float = 1.0, repeats: int = 1
  ) -> denoisers.Denoiser:
    """The denoiser of B * repeats rows, those of one image in a row.

    Args:
      guidance_scale: scale of classifier-free guidance; 1 is the conditional
        network alone, which costs half as much.
      repeats: rows of states per image.

    Raises:
      ValueError: if guidance is asked for without conditions, or of a prior
        without a null value of any.
    """
    values = dict(self.conditions)
    if repeats > 1:
      values = variational.repeat(values, repeats)
    conditional = self.model.denoiser(self.params, values)
    if guidance_scale == 1:
      return conditional
    check_guidance(self.model, tuple(values), (guidance_scale,))
    null = conditioning.null_like(self.model.conditions, values)
    return denoisers.classifier_free(
        conditional, self.model.denoiser(self.params, null), guidance_scale)


def check_guidance(
    prior: convert.Prior,
    given: Collection[str],
    scales: tuple[float, ...],
) -> None:
  """Refuses scales of classifier-free guidance that cannot be had.

  Args:
    prior: that of the run.
    given: names of the conditions that images have values of.
    scales: those that are asked for; 1 always goes.

  Raises:
    ValueError: naming the scale.
  """
  wanted = [scale for scale in scales if scale != 1]
  if not wanted:
    return
  nulls = [c.name for c in prior.conditions if c.null is not None]
  if not nulls:
    raise ValueError(
        f"guidance scale {wanted[0]:g} needs a prior with a null value of a "
        f"condition; {prior.name} has none")
  if not set(nulls) & set(given):
    raise ValueError(
        f"guidance scale {wanted[0]:g} needs a source of {' or '.join(nulls)} "
        "among the experiment's conditions")
