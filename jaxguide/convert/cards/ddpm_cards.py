"""Cards of released DDPM UNets."""

from jaxguide.convert.cards import model_card

CARDS = (
    model_card.ModelCard(
        name="celebahq_female_ddpm", file_names=("celebahq_female_ddpm.pth",),
        origin="ML-GSAI/EGSDE", licence="unknown", family="ddpm_unet",
        module={
            "in_channels": 3, "out_channels": 3, "model_channels": 128,
            "channel_mult": (1, 1, 2, 2, 4, 4), "num_res_blocks": 2,
            "attention_factors": (16,), "dropout": 0.0,
            "resample_with_conv": True},
        image_size=256, num_parameters=113_673_219, learned_variance=False,
        schedule={
            "kind": "linear", "num_steps": 1000, "rescale_timesteps": False},
        note="CelebA-HQ, women; the prior of EGSDE's male2female task"),
)
