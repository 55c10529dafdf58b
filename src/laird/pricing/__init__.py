"""Money: what an attempt cost, and the catalogue of prices."""
