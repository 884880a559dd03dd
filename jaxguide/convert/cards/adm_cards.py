"""Cards of released ADM networks: UNets, upsamplers and classifiers."""

from __future__ import annotations

from typing import Any

from jaxguide.convert.cards import model_card

_OPENAI = {"origin": "openai/guided-diffusion", "licence": "MIT"}


_LINEAR = {"kind": "linear", "num_steps": 1000, "rescale_timesteps": False}


_COSINE = {"kind": "cosine", "num_steps": 1000, "rescale_timesteps": False}


_MULT_64 = (1, 2, 3, 4)


_MULT_128 = (1, 1, 2, 3, 4)


_MULT_256 = (1, 1, 2, 2, 4, 4)


_MULT_512 = (0.5, 1, 1, 2, 2, 4, 4)


# Every released ADM network has these; each card overrides what it must.
_TRUNK = {
    "in_channels": 3, "dropout": 0.0, "num_heads": 1, "num_head_channels": 64,
    "use_scale_shift_norm": True, "resblock_updown": True,
    "conv_resample": True, "qkv_order": "legacy"}


def _attention(image_size: int, *sizes: int) -> tuple[int, ...]:
  """Released command lines give image sizes; the network wants factors."""
  return tuple(image_size // size for size in sizes)


def _unet(image_size: int, **fields: Any) -> dict[str, Any]:
  return {
      **_TRUNK, "out_channels": 6, "num_heads_upsample": -1,
      "num_classes": None, "model_channels": 256, "num_res_blocks": 2,
      "attention_factors": _attention(image_size, 32, 16, 8), **fields}


def _classifier(image_size: int, **fields: Any) -> dict[str, Any]:
  return {
      **_TRUNK, "out_channels": 1000, "image_size": image_size,
      "pool": "attention", "head_name": "out", "model_channels": 128,
      "num_res_blocks": 2,
      "attention_factors": _attention(image_size, 32, 16, 8), **fields}


_ILVR_UNET = _unet(
    256, model_channels=128, channel_mult=_MULT_256, num_res_blocks=1,
    attention_factors=_attention(256, 16))


_UNETS = (
    model_card.ModelCard(
        name="ffhq_10m", file_names=("ffhq_10m.pt", "ffhq_baseline.pt"),
        origin="jychoi118/ilvr_adm", licence="unknown", family="adm_unet",
        module=_ILVR_UNET, image_size=256, num_parameters=93_563_910,
        schedule=_LINEAR,
        note="FFHQ faces; the prior of Steered Diffusion and many others, who "
        "rename the file"),
    model_card.ModelCard(
        name="afhq_dog", file_names=("afhq_dog_4m.pt", "afhqdog_4m.pt"),
        origin="jychoi118/ilvr_adm", licence="unknown", family="adm_unet",
        module=_ILVR_UNET, image_size=256, num_parameters=93_563_910,
        schedule=_LINEAR, note="AFHQ dogs; the prior of EGSDE's dog tasks"),
    model_card.ModelCard(
        name="adm_imagenet256_uncond",
        file_names=("256x256_diffusion_uncond.pt",), **_OPENAI,
        family="adm_unet", module=_unet(256, channel_mult=_MULT_256),
        image_size=256, num_parameters=552_814_086, schedule=_LINEAR,
        note="ImageNet, unconditional"),
    model_card.ModelCard(
        name="adm_imagenet256_cond", file_names=("256x256_diffusion.pt",),
        **_OPENAI, family="adm_unet",
        module=_unet(256, channel_mult=_MULT_256, num_classes=1000),
        image_size=256, num_parameters=553_838_086, schedule=_LINEAR,
        note="ImageNet, 1000 classes"),
    model_card.ModelCard(
        name="adm_imagenet512_cond", file_names=("512x512_diffusion.pt",),
        **_OPENAI, family="adm_unet",
        module=_unet(512, channel_mult=_MULT_512, num_classes=1000),
        image_size=512, num_parameters=558_997_638, schedule=_LINEAR,
        note="ImageNet, 1000 classes"),
    model_card.ModelCard(
        name="adm_imagenet128_cond", file_names=("128x128_diffusion.pt",),
        **_OPENAI, family="adm_unet",
        module=_unet(
            128, channel_mult=_MULT_128, num_classes=1000, num_heads=4,
            num_head_channels=-1),
        image_size=128, num_parameters=421_529_606, schedule=_LINEAR,
        note="ImageNet, 1000 classes"),
    model_card.ModelCard(
        name="adm_imagenet64_cond", file_names=("64x64_diffusion.pt",),
        **_OPENAI, family="adm_unet",
        module=_unet(
            64, channel_mult=_MULT_64, num_classes=1000, model_channels=192,
            num_res_blocks=3, qkv_order="new", dropout=0.1),
        image_size=64, num_parameters=295_904_454, schedule=_COSINE,
        note="ImageNet, 1000 classes; the only one with the new attention "
        "order and the cosine schedule"),
    model_card.ModelCard(
        name="adm_lsun_256",
        file_names=("lsun_bedroom.pt", "lsun_cat.pt", "lsun_horse.pt"),
        **_OPENAI, family="adm_unet",
        module=_unet(256, channel_mult=_MULT_256, dropout=0.1),
        image_size=256, num_parameters=552_814_086, schedule=_LINEAR,
        note="LSUN bedrooms, cats or horses, one file each"),
    model_card.ModelCard(
        name="adm_64_256_upsampler", file_names=("64_256_upsampler.pt",),
        **_OPENAI, family="adm_superres",
        module=_unet(
            256, channel_mult=_MULT_256, num_classes=1000, model_channels=192,
            num_heads=4, num_head_channels=-1, in_channels=6),
        image_size=256, num_parameters=311_795_910, schedule=_LINEAR,
        note="ImageNet, 64 to 256 pixels, 1000 classes"),
)


_FOR_CLASSIFIERS = {
    "family": "adm_classifier", "prediction": None, "learned_variance": False}


_NOISY = "ImageNet classes of noisy images, for classifier guidance"


_CLASSIFIERS = (
    model_card.ModelCard(
        name="adm_classifier64", file_names=("64x64_classifier.pt",),
        **_OPENAI, **_FOR_CLASSIFIERS, schedule=None, note=_NOISY,
        module=_classifier(64, channel_mult=_MULT_64, num_res_blocks=4),
        image_size=64, num_parameters=65_438_568),
    model_card.ModelCard(
        name="adm_classifier128", file_names=("128x128_classifier.pt",),
        **_OPENAI, **_FOR_CLASSIFIERS, schedule=None, note=_NOISY,
        module=_classifier(128, channel_mult=_MULT_128),
        image_size=128, num_parameters=42_568_040),
    model_card.ModelCard(
        name="adm_classifier256", file_names=("256x256_classifier.pt",),
        **_OPENAI, **_FOR_CLASSIFIERS, schedule=None, note=_NOISY,
        module=_classifier(256, channel_mult=_MULT_256),
        image_size=256, num_parameters=54_096_360),
    model_card.ModelCard(
        name="adm_classifier512", file_names=("512x512_classifier.pt",),
        **_OPENAI, **_FOR_CLASSIFIERS, schedule=None, note=_NOISY,
        module=_classifier(512, channel_mult=_MULT_512),
        image_size=512, num_parameters=54_448_360),
    model_card.ModelCard(
        name="egsde_dse",
        file_names=("cat2dog_dse.pt", "wild2dog_dse.pt", "male2female_dse.pt"),
        origin="ML-GSAI/EGSDE", licence="unknown", **_FOR_CLASSIFIERS,
        module=_classifier(
            256, channel_mult=_MULT_256, head_name="I2Iout", out_channels=2),
        image_size=256, num_parameters=53_584_386, schedule=_LINEAR,
        note="two domains; energies use the middle block, not the head"),
    model_card.ModelCard(
        name="egsde_dse_afhq3", file_names=("afhq_dse.pt",),
        origin="ML-GSAI/EGSDE", licence="unknown", **_FOR_CLASSIFIERS,
        module=_classifier(
            256, channel_mult=_MULT_256, head_name="I2Iout", out_channels=3),
        image_size=256, num_parameters=53_584_899, schedule=_LINEAR,
        note="three domains; energies use the middle block, not the head"),
)


CARDS = (*_UNETS, *_CLASSIFIERS)
