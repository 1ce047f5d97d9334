"""State into words and lines: progress, discovery, dashboard, durations, plain ASCII. Draws nothing itself."""
