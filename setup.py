"""Installs the folders ``protocols`` and ``recipes`` inside the package; everything else is in setup.cfg."""

from setuptools import find_packages, setup

FOLDERS = ("protocols", "recipes")

setup(
    packages=[*find_packages(include=["enicfer*"]), *(f"enicfer.{name}" for name in FOLDERS)],
    package_dir={f"enicfer.{name}": name for name in FOLDERS},
)
