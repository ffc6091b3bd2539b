"""HTTP: the server of a run and of the workbench. Nothing is learned or decided here."""
