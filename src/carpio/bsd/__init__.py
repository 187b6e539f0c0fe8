"""The commands of the BSDs: their words in, control requests out, their texts back."""
