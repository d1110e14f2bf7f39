"""A headset session of one virtual person: what is asked, how it is shown, and what the cameras record of it."""
