"""What pyproject.toml cannot say: the configs of the repository are part of the package."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["wavspa_lit*", "datamodules*"]), "wavspa_lit.configs"],
    package_dir={"wavspa_lit.configs": "configs"},
    package_data={"wavspa_lit.configs": ["**/*.yaml"]},
)
