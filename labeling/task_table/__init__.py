"""The table of tasks in Label Studio: every statement over it stands in here."""
