"""The renderer in torch: four operations over batches of views, each with a backward pass of its own."""
