"""Installs the folder ``protocols`` as ``enicfer/protocols``; everything else is in setup.cfg."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["enicfer*"]), "enicfer.protocols"],
    package_dir={"enicfer.protocols": "protocols"},
)
