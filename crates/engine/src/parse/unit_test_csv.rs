//! The rows that unit tests have as CSV: their own, those of fixtures and those of seeds.

use std::{collections::HashMap, path::Path, sync::Arc};

use artifacts::{
    JsonMap, Manifest as Artifact,
    manifest::{Node, ResourceType},
};
use diagnostic::Diagnostic;
use project::{PropertyFile, properties::Rows};
use serde_json::Value as Json;

use crate::{
    context::ProjectScope,
    manifest::{Found, Lookup},
    parse::read_reference,
};

/// The rows of unit tests and fixtures; an empty field is null.
pub(super) fn rows(text: &str) -> Result<Vec<Json>, csv::Error> {
    read(text.as_bytes(), b',', |field| if field.is_empty() { Json::Null } else { field.into() })
}

fn read(bytes: &[u8], delimiter: u8, value: impl Fn(&str) -> Json) -> Result<Vec<Json>, csv::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::Headers).from_reader(bytes);
    let headers: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let row = |record: csv::StringRecord| {
        Json::Object(headers.iter().cloned().zip(record.iter().map(&value)).collect::<JsonMap>())
    };
    reader.records().map(|record| record.map(row)).collect()
}

/// The seeds that inputs without rows name, by the test's package and the input as it is written.
#[derive(Default)]
pub(super) struct Seeds(HashMap<(String, String), Arc<Node>>);

impl Seeds {
    pub fn find(artifact: &Artifact, scope: &ProjectScope, properties: &[PropertyFile]) -> Self {
        let mut found = HashMap::new();
        let mut lookup = None;
        for file in properties {
            let inputs = file.unit_tests.iter().flat_map(|test| &test.given);
            for given in inputs.filter(|given| given.rows == Rows::FromSeed) {
                let lookup = lookup.get_or_insert_with(|| Lookup::new(artifact, scope));
                let seed = seed(artifact, lookup, &scope.root, &file.package, &given.input);
                found.extend(seed.map(|seed| ((file.package.clone(), given.input.clone()), seed)));
            }
        }
        Self(found)
    }

    /// The rows of the seed's file, if the input is a seed; an empty field is the empty text.
    pub fn rows(&self, package: &str, input: &str) -> Option<Result<Vec<Json>, Diagnostic>> {
        let seed = self.0.get(&(package.to_owned(), input.to_owned()))?;
        let path = Path::new(seed.root_path.as_deref().unwrap_or_default()).join(&seed.original_file_path);
        let what = format!("Could not read {}", seed.original_file_path);
        let bytes = match fs_err::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(Diagnostic::error(what).cause(error.to_string()))),
        };
        let delimiter = seed.config_str("delimiter").and_then(|text| text.bytes().next()).unwrap_or(b',');
        Some(read(&bytes, delimiter, |field| field.into()).map_err(|error| {
            Diagnostic::error(format!("Could not read the CSV in {}", seed.original_file_path))
                .cause(error.to_string())
                .fix("every line needs as many fields as the header")
        }))
    }
}

/// The seed that an input of a test of `package` names.
pub(super) fn seed(artifact: &Artifact, lookup: &Lookup, root: &str, package: &str, input: &str) -> Option<Arc<Node>> {
    let named = read_reference(input).unwrap_or_default();
    let of = named.refs.first()?;
    let Found::One(id) = lookup.find_ref(&of.name, of.package.as_deref(), of.version.as_ref(), package, root) else {
        return None;
    };
    artifact.nodes.get(&id).filter(|node| node.resource_type == ResourceType::Seed).cloned()
}
