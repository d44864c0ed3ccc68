"""Everything that writes people, workspaces, projects and keys."""
