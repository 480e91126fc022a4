"""How good and how fast the planner is: random tasks against exact dynamic programming."""
