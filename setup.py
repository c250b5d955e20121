"""Installs the folders ``protocols``, ``recipes`` and ``codebooks`` inside the package; the rest is in setup.cfg."""

from setuptools import find_packages, setup

FOLDERS = ("protocols", "recipes", "codebooks")

setup(
    packages=[*find_packages(include=["enicfer*"]), *(f"enicfer.{name}" for name in FOLDERS)],
    package_dir={f"enicfer.{name}": name for name in FOLDERS},
)
