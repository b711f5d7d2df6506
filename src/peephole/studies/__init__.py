"""Studies: measurements of the package by itself. `bench` times recurrent layers."""
