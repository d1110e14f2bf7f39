"""Pictures of triangle meshes: which triangle each pixel sees, what stands there, and plain previews for people."""
