"""Timing recurrent layers on a GPU: `peephole bench --device cuda`."""
