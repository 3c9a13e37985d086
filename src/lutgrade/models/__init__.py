"""Models that predict a grade; each is built from `configs/model/<name>.yaml` by `lutgrade.load_model`."""
