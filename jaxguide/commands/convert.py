"""`jaxguide convert`: checkpoints to model directories, and back."""

import argparse
import sys

from jaxguide import checkpoint_settings

SUMMARY = ("Turns a PyTorch checkpoint into a model directory, or a model "
           "directory into .safetensors.")
_EXAMPLES = """examples:
  jaxguide convert ffhq_10m.pt --card ffhq_10m --out models/ffhq_10m
  jaxguide convert model.ckpt --card ldm_cin256_v2 --weights raw \\
      --out models/ldm_cin256_v2
  jaxguide convert models/ffhq_10m --out ffhq_10m.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The arguments of the command."""
  parser.epilog = _EXAMPLES
  parser.add_argument(
      "file", metavar="FILE",
      help="Checkpoint file, folder of diffusers, or model directory.")
  parser.add_argument(
      "--out", required=True, metavar="PATH",
      help="Place of the result; nothing may be there yet.")
  parser.add_argument(
      "--card", metavar="NAME",
      help="Name of the checkpoint's card, one of third_party/cards.md.")
  parser.add_argument(
      "--weights", choices=("raw", "ema"),
      help="Weights to take from a latent diffusion file that holds two sets, "
      "where it has to be given: raw, as the last update of the training left "
      "them, or ema, their moving average over the training.")
  parser.add_argument(
      "--layout", choices=("diffusers",),
      help="Layout of the result where FILE is a model directory of one "
      "network: diffusers is a folder that diffusers loads. It is one "
      ".safetensors file when left out.")
  parser.add_argument(
      "--scale_factor", type=float, metavar="X",
      help="Scale of a latent diffusion model's latents, in place of its own.")
  parser.add_argument(
      "--prefix", metavar="TEXT",
      help="Text that all names of the network's parameters begin with in the "
      "file, for instance --prefix model. (with the dot). It is guessed from "
      "the file when left out.")
  parser.add_argument(
      "--inert", action="append", default=[], metavar="NAME",
      help="Name of a Python object that the file refers to and the reader "
      "refuses, such as package.module.Class, as the refusal prints it. Its "
      "place is kept by an empty object, and nothing is executed. May be "
      "repeated.")
  own = parser.add_argument_group(
      "without a card",
      "Facts that the file's tensors do not tell. A card has them; for a "
      "network\nwithout a card give them here.")
  for option in checkpoint_settings.options():
    if option.kind is bool:
      own.add_argument(
          f"--{option.name}", action="store_true", help=option.help)
    else:
      own.add_argument(
          f"--{option.name}", type=option.kind, default=option.default,
          help=option.help, metavar="N" if option.kind is int else "TEXT")


def run(args: argparse.Namespace) -> int:
  """Converts and prints what was done."""
  from jaxguide.convert import dispatch
  settings = checkpoint_settings.Settings(**{
      option.name: getattr(args, option.name)
      for option in checkpoint_settings.options()})
  try:
    report = dispatch.convert(
        args.file, args.card, args.out, weights=args.weights,
        prefix=args.prefix, scale_factor=args.scale_factor,
        layout=args.layout, inert=args.inert,
        settings=settings if settings.said() else None)
  except ValueError as error:
    # Whatever a strange file provokes is said of the file.
    raise ValueError(str(error)) from error
  sys.stdout.write(report.rstrip("\n") + "\n")
  return 0
