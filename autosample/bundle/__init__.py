"""What a search hands over: a folder that is written, verified and loaded."""
