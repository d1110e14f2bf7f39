"""refa: from the cameras inside a headset to facial animation, as commands that read and write files."""

__version__ = "0.1.0"
