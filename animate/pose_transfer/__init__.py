"""The paper's other tasks: persons in other poses, things from other sides."""
