"""How well a bundle reads: figures, calibration, the table and the report."""
