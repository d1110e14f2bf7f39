"""What needs torch: differentiable rig evaluation and the networks."""
