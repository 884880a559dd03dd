"""Every metric per image, once, for the contract test."""

import dataclasses

import jax
import numpy as np

from jaxguide import convert
from jaxguide import metrics
from jaxguide.convert.networks import metric_networks
from jaxguide.models import lpips

UNIFORM = metrics.SsimOptions("uniform", 7, covariance="sample")


def small_model(*, net="vgg", version="0.1", seed=0):
  """LPIPS with a narrow trunk and random weights."""
  config = metric_networks.lpips_config(net, version)
  config = dataclasses.replace(
      config, module={**config.module, "width_divisor": 16})
  image = np.zeros((1, 32, 32, 3), np.float32)
  module = lpips.Lpips(net, version, 16)
  shapes = jax.eval_shape(module.init, jax.random.key(0), image, image)
  random = np.random.default_rng(seed)
  params = jax.tree.map(
      lambda s: np.float32(
          random.random(s.shape) if s.shape[-1] == 1 else
          random.normal(size=s.shape) / np.sqrt(np.prod(s.shape[:-1]) / 2)),
      shapes["params"])
  return convert.Model(params, config)


def small_lpips(*, net="vgg", version="0.1", seed=0, **options):
  """The metric of `small_model`."""
  return metrics.lpips_metric(
      small_model(net=net, version=version, seed=seed), **options)



METRICS = [
    metrics.psnr_metric(),
    metrics.psnr_metric(quantise="none"),
    metrics.psnr_metric(region="unobserved"),
    metrics.psnr_metric(region="observed"),
    metrics.psnr_metric(value_range=(0.0, 1.0), epsilon=1e-10),
    metrics.psnr_metric(quantise="uint8_truncated", peak=1.0),
    metrics.mse_metric(),
    metrics.mse_metric(region="unobserved"),
    metrics.l1_metric(),
    metrics.l1_metric(value_range=(0.0, 1.0)),
    metrics.l2_metric(value_range=(0.0, 1.0)),
    metrics.ssim_metric(),
    metrics.ssim_metric(quantise="none"),
    metrics.ssim_metric(options=UNIFORM),
    metrics.ssim_metric(options=metrics.SsimOptions(border="symmetric")),
    metrics.ssim_metric(options=metrics.SsimOptions(border="zero")),
    metrics.consistency_metric(),
    metrics.consistency_metric(region="observed"),
    metrics.consistency_metric(decibel=True, quantise="none"),
    small_lpips(quantise="none"),
]
