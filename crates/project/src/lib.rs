//! A dbt project as its files say it: `dbt_project.yml`, `profiles.yml`, packages, property files, models and seeds.
//!
//! Nothing here runs Jinja or reads the environment: whoever loads a project passes a [`RenderYaml`]. Bad input is data, so
//! reading returns what could be read together with every mistake found.
//!
//! Reading order: [`Project::load`] finds the root project and its packages, [`ProjectFiles::read`] their files,
//! [`PropertyFile::parse`] what the YAML among them says, [`ConfigTrees`] and [`Vars`] what `dbt_project.yml` says about a node.

pub mod aliases;
mod catalogs;
pub mod config;
mod dbt_project;
mod fields;
mod files;
mod flags;
mod metadata;
mod packages;
mod profiles;
pub mod properties;
mod render;
mod selectors_file;
mod source;
mod spelling;
mod vars;
mod version;
pub mod yaml;

mod load;

pub use catalogs::{CatalogIntegration, read_catalogs_file};
pub use config::{Config, ConfigKind, ConfigTree, ConfigTrees, MergeRule, merge_config, merge_config_by};
pub use dbt_project::{DbtProject, Dispatch, QueryComment};
pub use files::{Checksum, FileKind, ProjectFiles, ReadOptions, SourceFile, osi_files};
pub use flags::ProjectFlags;
pub use load::{Project, ProjectSettings, VersionCheck};
pub use metadata::ProjectMetadata;
pub use packages::{GitCheckout, LOCK_FILE, PackageEntry, PackageSpec, PackagesFile};
pub use profiles::{LakehouseChoice, Profile, ProfileSettings};
pub use properties::PropertyFile;
pub use render::{RenderError, RenderYaml, Verbatim, has_jinja};
pub use selectors_file::read_selectors_file;
pub use source::SourceText;
pub use spelling::misspelt_config;
pub use vars::Vars;
pub use version::{CLAIMED_DBT_VERSION, VersionRequirement};
