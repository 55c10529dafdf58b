"""From a name and the state of the world to an ordered plan with reasons."""
