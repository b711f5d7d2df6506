"""Pretraining: a language model learns from texts without labels, and a classifier starts from what it learnt."""
