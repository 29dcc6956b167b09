//! Connections, environment variables and their secrets: sealed at rest, opened for a run, masked in everything that is shown.
