"""Colour science in torch: spaces, differences, adjustments and camera log encodings."""
