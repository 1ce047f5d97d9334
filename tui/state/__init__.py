"""What the screen knows: the journal's reducer, the state folder's files, the watcher, the estimate."""
