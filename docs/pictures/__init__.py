"""The pictures of the README, made anew by `make pictures`: real output on the demo films."""
