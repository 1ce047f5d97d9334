"""Small pieces several screens use; none of them knows a file or a process."""
