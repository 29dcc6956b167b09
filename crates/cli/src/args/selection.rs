//! Which nodes a command is about, and which time.

use clap::{Args, ValueEnum};

/// What is built, tested, listed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Nodes to include: names, paths, tag:x, +parents, children+
    #[arg(short = 's', long, num_args = 1.., value_name = "NODES", aliases = ["models", "model"], short_alias = 'm')]
    pub select: Vec<String>,
    /// Nodes to leave out
    #[arg(long, num_args = 1.., value_name = "NODES")]
    pub exclude: Vec<String>,
    /// A selector of selectors.yml, in place of --select
    #[arg(long, value_name = "NAME")]
    pub selector: Option<String>,
}

/// `--indirect-selection`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IndirectSelection {
    Eager,
    Cautious,
    Buildable,
    Empty,
}

impl IndirectSelection {
    /// dbt's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Cautious => "cautious",
            Self::Buildable => "buildable",
            Self::Empty => "empty",
        }
    }
}

/// Only some kinds of nodes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct ResourceTypeArgs {
    /// Only nodes of these types
    #[arg(long, num_args = 1.., value_name = "TYPES", alias = "resource-types")]
    pub resource_type: Vec<String>,
    /// No nodes of these types
    #[arg(long, num_args = 1.., value_name = "TYPES", alias = "exclude-resource-types")]
    pub exclude_resource_type: Vec<String>,
}

impl ResourceTypeArgs {
    /// What the command line leaves open is the environment's to say; `setting` looks a variable up by its name behind the prefix.
    pub fn fill<'a>(&mut self, setting: impl Fn(&str) -> Option<&'a str>) {
        let named =
            [(&mut self.resource_type, "RESOURCE_TYPES"), (&mut self.exclude_resource_type, "EXCLUDE_RESOURCE_TYPES")];
        for (types, name) in named {
            if let (true, Some(words)) = (types.is_empty(), setting(name)) {
                types.extend(words.split_whitespace().map(str::to_owned));
            }
        }
    }
}

/// Only rows of a span of event time.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Event time")]
pub struct EventTimeArgs {
    /// Where the batches of microbatch models begin: 2024-09-17 or 2024-09-17T16:30:00, UTC
    #[arg(long, value_name = "TIME")]
    pub event_time_start: Option<String>,
    /// Where they end
    #[arg(long, value_name = "TIME")]
    pub event_time_end: Option<String>,
    /// Limit refs and sources with an event_time: '3 days', or '{start: 2024-01-01, end: 2024-02-01}'
    #[arg(long, value_name = "SPAN")]
    pub sample: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_the_command_line_leaves_open_are_the_environments() {
        let mut types = ResourceTypeArgs { resource_type: vec!["model".to_owned()], ..ResourceTypeArgs::default() };
        types.fill(|name| match name {
            "RESOURCE_TYPES" => Some("seed"),
            "EXCLUDE_RESOURCE_TYPES" => Some("unit_test test"),
            _ => None,
        });
        assert_eq!(
            (types.resource_type, types.exclude_resource_type),
            (vec!["model".to_owned()], vec!["unit_test".to_owned(), "test".to_owned()])
        );
    }
}
