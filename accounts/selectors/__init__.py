"""Everything that reads people, workspaces, projects and keys."""
