"""FACS names and maps, face models, rig evaluation, regions, gaze, prompts and art priors."""
