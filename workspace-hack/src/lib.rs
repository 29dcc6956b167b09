//! workspace-hack
