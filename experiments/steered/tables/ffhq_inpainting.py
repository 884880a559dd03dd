"""Table 5 of Steered Diffusion: inpainting of faces, by kind of mask.

100 steps, N = 3, as the paper describes; the released program has N = 1
(--set method.num_inner=1 --set method.variant=released). The masks are drawn
here in the manner of LaMa's; for a folder of released masks, one per image
and white where missing, add --set task.masks.folder=FOLDER. The paper does
not give the number of images, and 300 are taken as in its other tables; it
names neither the network of LPIPS nor the reference set of FID.
"""

import steered_parts

from jaxguide import data
from jaxguide import evaluation


def _published(rows):
  return evaluation.published(
      "Nair et al., ICCV 2023, Table 5", ("fid", "lpips", "psnr", "ssim"),
      rows)


THIN = _published({
    "Degraded": (371.03, 0.676, 7.847, 0.201),
    "RePaint": (43.35, 0.304, 17.99, 0.671),
    "Steered Diffusion": (30.85, 0.183, 24.92, 0.833),
})
MEDIUM = _published({
    "Degraded": (258.86, 0.624, 7.527, 0.228),
    "RePaint": (53.71, 0.399, 13.71, 0.558),
    "Steered Diffusion": (35.39, 0.220, 21.55, 0.786),
})
THICK = _published({
    "Degraded": (231.93, 0.585, 7.606, 0.249),
    "RePaint": (52.40, 0.407, 12.78, 0.530),
    "Steered Diffusion": (40.12, 0.242, 18.87, 0.705),
})


def _inpainting(drawn, published):
  return steered_parts.of_faces(
      evaluation.Inpainting(evaluation.Masks(drawn)), published)


TABLE = evaluation.Table(
    title="Steered Diffusion, Table 5: inpainting of faces",
    rows={
        "thin": lambda: _inpainting(data.masks.thin(), THIN),
        "medium": lambda: _inpainting(data.masks.medium(), MEDIUM),
        "thick": lambda: _inpainting(data.masks.thick(), THICK),
    })
