"""Recurrent networks you can see into, and a sentiment analyser built on them."""
