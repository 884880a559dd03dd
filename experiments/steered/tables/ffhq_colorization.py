"""Table 4 of Steered Diffusion: colorization of faces.

100 steps, N = 3, as the paper describes; the released program has N = 1
(--set method.num_inner=1 --set method.variant=released). The paper names
neither the network of LPIPS nor the reference set of FID; NIQE is not
computed here, its column holds published numbers alone.
"""

import steered_parts

from jaxguide import evaluation

PUBLISHED = evaluation.published(
    "Nair et al., ICCV 2023, Table 4", ("fid", "lpips", "niqe"), {
        "Grayscale input": (69.27, 0.2781, 5.07),
        "ILVR": (67.66, 0.5270, 7.54),
        "Steered Diffusion": (49.72, 0.3311, 5.91),
    }, num_images=300)

TABLE = evaluation.Table(
    title="Steered Diffusion, Table 4: colorization of faces",
    rows={"steered": lambda: steered_parts.of_faces(
        evaluation.Colorization(), PUBLISHED)})
