"""The depth pair: stereo (or any trusted depth) teaches one camera."""
