"""Figures of saliency maps."""
