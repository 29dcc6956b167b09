//! YAML of the generated project: sources, and models with columns, descriptions and tests.

use std::fmt::Write;

use super::{DOCS_BLOCKS, Folder, Layers};

/// The sources of a staging folder: one table for each of its models.
pub fn sources(folder: &Folder) -> String {
    let mut text = format!(
        "version: 2\n\nsources:\n  - name: {source}\n    schema: {source}\n    \
         description: Tables of system {number}, loaded every night.\n    tables:\n",
        source = folder.source(),
        number = folder.number
    );
    for index in folder.models() {
        writeln!(text, "      - name: table_{index:05}\n        description: Raw records number {index}.")
            .expect("writing to a String cannot fail");
    }
    text
}

/// The models of a folder.
pub fn models(layers: &Layers, folder: &Folder) -> String {
    let mut text = String::from("version: 2\n\nmodels:\n");
    for index in folder.models() {
        let model = folder.layer.model(index);
        let (of_id, of_status) = tests(&layers.parents(folder.layer, index), index);
        write!(
            text,
            "  - name: {model}\n    description: \"{{{{ doc('subject_{block:02}') }}}}\"\n    columns:\n      \
             - name: id\n        description: Identifies the row in {model}.\n        data_tests:\n{of_id}      \
             - name: status\n        description: Whether the record is open, closed or of unknown state.\n{of_status}      \
             - name: amount\n        description: Amount in the currency of the project, with two digits.\n      \
             - name: loaded_at\n        description: When the record was read from its system.\n",
            block = index % DOCS_BLOCKS,
        )
        .expect("writing to a String cannot fail");
    }
    text
}

/// Two tests: `not_null` of `id`, and another of `id` or of `status`.
fn tests(parents: &[String], index: usize) -> (String, String) {
    let not_null = "          - not_null\n";
    let second = match (index % 10, parents.first()) {
        (3, _) => {
            let values = "['open', 'closed', 'unknown']";
            let of_status = format!(
                "        data_tests:\n          - accepted_values:\n              arguments:\n                values: {values}\n"
            );
            return (not_null.to_owned(), of_status);
        }
        (5, _) => "          - at_least:\n              arguments:\n                minimum: 1\n".to_owned(),
        (7, Some(parent)) => format!(
            "          - relationships:\n              arguments:\n                to: ref('{parent}')\n                \
             field: id\n"
        ),
        _ => "          - unique\n".to_owned(),
    };
    (not_null.to_owned() + &second, String::new())
}
