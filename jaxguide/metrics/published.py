"""The metrics per image of published programs, by the paper's name."""

from __future__ import annotations

import dataclasses

from jaxguide.convert import model_store
from jaxguide.metrics import metric
from jaxguide.metrics import perceptual


def egsde_metrics() -> tuple[metric.Metric, metric.Metric, metric.Metric]:
  """L2, PSNR and SSIM of EGSDE's tables (arXiv:2207.06635).

  They compare with the source image, on [0, 1]: L2 is the norm of the
  difference over all pixels, averaged over images; PSNR is
  10 log10(1 / (mse + 1e-10)), so that equal images give 100 dB and not
  infinity; SSIM is Wang's on RGB. As each mean is over images, PSNR is not
  that of the mean error.

  The released program reads translations back from JPEG files of quality 75;
  here they are what is saved. Score such files with
  `evaluation.score_outputs` for its very numbers.

  Returns:
    Metrics named "l2_egsde", "psnr_egsde" and "ssim".

  Example:
    >>> from jaxguide import metrics
    >>> [metric.name for metric in metrics.egsde_metrics()]
    ['l2_egsde', 'psnr_egsde', 'ssim']
  """
  unit = (0.0, 1.0)
  return (
      _named(metric.l2_metric(value_range=unit), "l2_egsde"),
      _named(metric.psnr_metric(value_range=unit, epsilon=1e-10),
             "psnr_egsde"),
      metric.ssim_metric())


def vipaint_metrics(
    model: model_store.Model | None = None,
) -> tuple[metric.Metric, ...]:
  """LPIPS and PSNR of VIPaint's tables, as its program computes them.

  They see pictures whose values were cut off, not rounded, to 8 bits. Its PSNR
  takes 1 for the peak of values in [-1, 1] and is 6.02 dB low; its SSIM,
  whose range is that of the batch, is left out.

  Args:
    model: network of LPIPS with VGG16; without it LPIPS is left out.

  Returns:
    Metrics named "lpips_vipaint" and "psnr_vipaint".

  Raises:
    ValueError: if the model is another network.

  Example:
    >>> from jaxguide import metrics
    >>> [metric.name for metric in metrics.vipaint_metrics()]
    ['psnr_vipaint']
  """
  rule = "uint8_truncated"
  psnr = _named(
      metric.psnr_metric(quantise=rule, peak=1.0, epsilon=1e-10),
      "psnr_vipaint")
  if model is None:
    return (psnr,)
  if model.config.module.get("net") != "vgg":
    raise ValueError(
        "model must be LPIPS with net 'vgg', got "
        f"{model.config.module.get('net')!r}")
  lpips = perceptual.lpips_metric(
      model, quantise=rule, name="lpips_vipaint")
  return lpips, psnr


def _named(chosen: metric.Metric, name: str) -> metric.Metric:
  return dataclasses.replace(chosen, name=name)
