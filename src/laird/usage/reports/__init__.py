"""Reports: functions of a connection that say what was used, when, by whom and for how much."""
