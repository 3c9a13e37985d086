"""`lutgrade.match`: clips made to look shot by one camera."""
