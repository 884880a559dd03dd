"""Makes and scores the pictures of an experiment; see --help.

  python experiments/evaluate.py \\
      --config experiments/steered/configs/noto32_inpaint_box.py --out DIR
"""

import sys

from jaxguide.evaluation import command

if __name__ == "__main__":
  sys.exit(command.main(sys.argv))
