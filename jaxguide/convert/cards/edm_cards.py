"""Cards of EDM's released networks.

In EDM's file names "vp" and "ve" mean the DDPM++ and the NCSN++ network; only
the files called "baseline" have another preconditioning than EDM's own.
"""

from typing import Any

from jaxguide.convert.cards import model_card
from jaxguide.convert.networks import edm

_EDM = {
    "kind": "edm", "sigma_data": 0.5, "sigma_min": 0, "sigma_max": None}
_IDDPM = {"kind": "iddpm", "c_1": 0.001, "c_2": 0.008, "num_steps": 1000}
_NCSNPP = {
    "embedding_type": "fourier", "channel_mult_noise": 2,
    "encoder_type": "residual", "resample_filter": (1, 3, 3, 1)}
_CIFAR = {"channel_mult": (2, 2, 2), "augment_dim": 9, "dropout": 0.13}
_FACES = {"channel_mult": (1, 2, 2, 2), "augment_dim": 9, "dropout": 0.05}
_FACES_NOTE = (
    "FFHQ (trained with dropout 0.05) and AFHQv2 (0.25), one file each")


def _card(
    name: str,
    size: int,
    network: str,
    fields: dict[str, Any],
    entry: dict[str, Any],
    **rest: Any,
) -> model_card.ModelCard:
  module = edm.module_fields(network, img_resolution=size, **fields)
  return model_card.ModelCard(
      name=name, origin="NVlabs/edm", licence="CC-BY-NC-SA-4.0",
      family="edm_song" if network == "SongUNet" else "edm_dhariwal",
      module=module, image_size=size, prediction="edm",
      learned_variance=module["out_channels"] == 6, preconditioning=entry,
      schedule=edm.schedule(entry), **rest)


CARDS = (
    _card(
        "edm_cifar10_32_uncond_vp", 32, "SongUNet", _CIFAR, _EDM,
        file_names=("edm-cifar10-32x32-uncond-vp.pkl",),
        num_parameters=55_733_891, note="CIFAR-10, DDPM++"),
    _card(
        "edm_cifar10_32_cond_vp", 32, "SongUNet", {**_CIFAR, "label_dim": 10},
        _EDM, file_names=("edm-cifar10-32x32-cond-vp.pkl",),
        num_parameters=55_735_299, note="CIFAR-10, 10 classes, DDPM++"),
    _card(
        "edm_cifar10_32_uncond_ve", 32, "SongUNet", {**_CIFAR, **_NCSNPP},
        _EDM, file_names=("edm-cifar10-32x32-uncond-ve.pkl",),
        num_parameters=56_397_827, note="CIFAR-10, NCSN++"),
    _card(
        "edm_ffhq64_afhqv2_64_uncond_vp", 64, "SongUNet", _FACES, _EDM,
        file_names=(
            "edm-ffhq-64x64-uncond-vp.pkl", "edm-afhqv2-64x64-uncond-vp.pkl"),
        num_parameters=61_805_571, note=f"{_FACES_NOTE}; DDPM++"),
    _card(
        "edm_ffhq64_afhqv2_64_uncond_ve", 64, "SongUNet",
        {**_FACES, **_NCSNPP}, _EDM, file_names=(
            "edm-ffhq-64x64-uncond-ve.pkl", "edm-afhqv2-64x64-uncond-ve.pkl"),
        num_parameters=62_761_091, note=f"{_FACES_NOTE}; NCSN++"),
    _card(
        "adm_imagenet64_cond_edm", 64, "DhariwalUNet", {"label_dim": 1000},
        _EDM, file_names=("edm-imagenet-64x64-cond-adm.pkl",),
        num_parameters=295_899_267,
        note="ImageNet, 1000 classes, the ADM network"),
    _card(
        "baseline_imagenet64_cond_adm_iddpm", 64, "DhariwalUNet",
        {"label_dim": 1000, "out_channels": 6}, _IDDPM,
        file_names=("baseline-imagenet-64x64-cond-adm.pkl",),
        num_parameters=295_904_454,
        note="the ADM ImageNet network of 64 px in EDM's words: iDDPM "
        "preconditioning, learned variance"),
)
