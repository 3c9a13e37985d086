"""Scores of graded frames, each fitting `protocols.Metric`."""

from lutgrade.metrics.fidelity import CIEDE2000, PSNR, SSIM

__all__ = ["CIEDE2000", "PSNR", "SSIM"]
