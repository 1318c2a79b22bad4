"""What comes from outside, checked: regular files, bounded text, models without unknown keys, numbers within ranges."""
