"""Every metric per image, once, for the contract test."""

from jaxguide import metrics

UNIFORM = metrics.SsimOptions("uniform", 7, covariance="sample")

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
]
