"""Table 3 of Steered Diffusion: super-resolution of faces by 8.

100 steps, N = 1, both axes, as the paper describes. The released program
enlarges by 4, along the width only (--set task.factor=4 --set
task.axes=width --set method.variant=released), so the table was probably
made with another revision of it. The paper names neither the network of
LPIPS nor the reference set of FID; NIQE is not computed here, its column
holds published numbers alone.
"""

import steered_parts

from jaxguide import evaluation

PUBLISHED = evaluation.published(
    "Nair et al., ICCV 2023, Table 3",
    ("fid", "lpips", "niqe", "psnr", "ssim"), {
        "Bicubic": (130.3, 0.4419, 12.03, 23.85, 0.642),
        "ILVR": (62.24, 0.4164, 7.38, 20.54, 0.5527),
        "PULSE": (84.67, 0.4365, 5.04, 21.08, 0.5285),
        "Steered Diffusion": (51.19, 0.2593, 9.24, 26.02, 0.711),
    }, num_images=300)

TABLE = evaluation.Table(
    title="Steered Diffusion, Table 3: super-resolution of faces by 8",
    rows={"steered": lambda: steered_parts.of_faces(
        evaluation.SuperResolution(factor=8), PUBLISHED)})
