"""Rule-guided fine-tuning of pretrained language models."""
