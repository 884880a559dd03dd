"""The numbers of the papers' tables as printed, entered a second time.

What the table files hold is compared with these, so that a slip in either is
seen. "-" stands where nothing is printed; "±" before a deviation over seeds.
"""

from typing import NamedTuple


class Printed(NamedTuple):
  """A printed table, or the part of it that belongs to some rows.

  Attributes:
    table: system and table file.
    rows: what the names of these rows begin with.
    columns: names of the metrics, with spaces between them.
    text: a line per method.
  """

  table: str
  rows: str
  columns: str
  text: str


PRINTED = (
    Printed("steered/ffhq_super_resolution", "", "fid lpips niqe psnr ssim",
            """
  Bicubic            130.3   0.4419  12.03  23.85  0.642
  ILVR                62.24  0.4164   7.38  20.54  0.5527
  PULSE               84.67  0.4365   5.04  21.08  0.5285
  Steered Diffusion   51.19  0.2593   9.24  26.02  0.711
"""),
    Printed("steered/ffhq_colorization", "", "fid lpips niqe", """
  Grayscale input     69.27  0.2781  5.07
  ILVR                67.66  0.5270  7.54
  Steered Diffusion   49.72  0.3311  5.91
"""),
    Printed("steered/ffhq_inpainting", "thin", "fid lpips psnr ssim", """
  Degraded           371.03  0.676   7.847  0.201
  RePaint             43.35  0.304  17.99  0.671
  Steered Diffusion   30.85  0.183  24.92  0.833
"""),
    Printed("steered/ffhq_inpainting", "medium", "fid lpips psnr ssim", """
  Degraded           258.86  0.624   7.527  0.228
  RePaint             53.71  0.399  13.71  0.558
  Steered Diffusion   35.39  0.220  21.55  0.786
"""),
    Printed("steered/ffhq_inpainting", "thick", "fid lpips psnr ssim", """
  Degraded           231.93  0.585   7.606  0.249
  RePaint             52.40  0.407  12.78  0.530
  Steered Diffusion   40.12  0.242  18.87  0.705
"""),
    Printed("vipaint/imagenet64", "rotated", "lpips_vipaint", """
  VIPaint-4   0.289
  VIPaint-2   0.300
  CoPaint-TT  0.316
  CoPaint     0.347
  RePaint     0.3213
  DPS         0.3203
  Blended     0.3409
  RedDiff     0.463
  RedDiff-V   0.407
"""),
    Printed("vipaint/imagenet64", "random", "lpips_vipaint", """
  VIPaint-4   0.231
  VIPaint-2   0.227
  CoPaint-TT  0.245
  CoPaint     0.278
  RePaint     0.2575
  DPS         0.2880
  Blended     0.2763
  RedDiff     0.409
  RedDiff-V   0.671
"""),
    Printed("vipaint/imagenet256", "rotated", "lpips_vipaint", """
  VIPaint-4  0.358
  VIPaint-2  0.392
  ReSample   0.537
  PSLD       0.576
  DPS        0.606
"""),
    Printed("vipaint/imagenet256", "random", "lpips_vipaint", """
  VIPaint-4  0.373
  VIPaint-2  0.409
  ReSample   0.559
  PSLD       0.583
  DPS        0.607
"""),
    Printed("vipaint/imagenet256", "small", "lpips_vipaint", """
  VIPaint-4  0.292
  VIPaint-2  0.197
  ReSample   0.381
  PSLD       0.534
  DPS        0.564
"""),
    Printed("vipaint/lsun256", "rotated", "lpips_vipaint", """
  VIPaint-2  0.455
  ReSample   0.510
  PSLD       0.541
  DPS        0.502
"""),
    Printed("vipaint/lsun256", "random", "lpips_vipaint", """
  VIPaint-2  0.439
  ReSample   0.485
  PSLD       0.523
  DPS        0.490
"""),
    Printed("vipaint/lsun256", "small", "lpips_vipaint", """
  VIPaint-2  0.299
  ReSample   0.374
  PSLD       0.413
  DPS        0.421
"""),
    Printed("egsde/cat2dog", "", "fid l2_egsde psnr_egsde ssim votes", """
  CycleGAN             85.9           -           -           -           -
  MUNIT                104.4           -           -           -           -
  DRIT                 123.4           -           -           -           -
  Distance             155.3           -           -           -           -
  SelfDistance         144.4           -           -           -           -
  GCGAN                96.6           -           -           -           -
  LSeSim               72.8           -           -           -           -
  ITTR (CUT)           68.6           -           -           -           -
  StarGAN v2     54.88±1.01 133.65±1.54  10.63±0.10  0.27±0.003           -
  CUT                 76.21       59.78       17.48       0.601        79.6
  ILVR           74.37±1.55  56.95±0.14  17.77±0.02 0.363±0.001        75.4
  SDEdit         74.17±1.01  47.88±0.06  19.19±0.01 0.423±0.001        65.2
  EGSDE          65.82±0.77  47.22±0.08  19.31±0.02 0.415±0.001           -
  EGSDE-dagger   51.04±0.37  62.06±0.10  17.17±0.02 0.361±0.001           -
"""),
    Printed("egsde/wild2dog", "", "fid l2_egsde psnr_egsde ssim", """
  CUT                 92.94       62.21       17.20       0.592
  ILVR           75.33±1.22  63.40±0.15  16.85±0.02 0.287±0.001
  SDEdit         68.51±0.65  55.36±0.05  17.98±0.01 0.343±0.001
  EGSDE          59.75±0.62  54.34±0.08  18.14±0.01 0.343±0.001
  EGSDE-dagger   50.43±0.52  66.52±0.09  16.40±0.01 0.300±0.001
"""),
    Printed("egsde/male2female", "", "fid_egsde_faces l2_egsde psnr_egsde ssim",
            """
  CUT                 31.94       46.61       19.87        0.74
  ILVR           46.12±0.33  52.17±0.10  18.59±0.02 0.510±0.001
  SDEdit         49.43±0.47  43.70±0.03  20.03±0.01 0.572±0.000
  EGSDE          41.93±0.11  42.04±0.03  20.35±0.01 0.574±0.000
  EGSDE-dagger   30.61±0.19  53.44±0.09  18.32±0.02 0.510±0.001
"""),
)
