//! Latest-version pointers: a view with a model's bare name, on its latest version.

use artifacts::manifest::{Node, ResourceType};
use diagnostic::{Diagnostic, Location};
use jinja::{CallArgs, State, UndefinedMode, Value};
use names::UniqueId;
use serde_json::Value as Json;

use super::Compiler;
use crate::{context::node::node_relation, parse::errors};

impl Compiler {
    /// Whether a view on the model is made beside it: by its own word, else by `latest_version_pointer_enabled_by_default`.
    pub fn has_latest_version_pointer(&self, node: &Node) -> bool {
        node.resource_type == ResourceType::Model
            && node.version.is_some()
            && node.version == node.latest_version
            && setting(node, "enabled").and_then(Json::as_bool).unwrap_or(self.manifest.scope().points_to_latest)
    }

    /// The name of the view, by the macro `generate_latest_version_pointer_alias`.
    ///
    /// # Errors
    /// A macro that fails, and the model's own name.
    pub fn latest_version_pointer(&self, id: &UniqueId) -> Result<String, Diagnostic> {
        let node = self.known(id)?;
        let custom = setting(&node, "alias").and_then(Json::as_str).map(str::trim).filter(|alias| !alias.is_empty());
        let macros = &self.manifest.scope().macros;
        let root = self.manifest.root_package();
        let alias = match macros.find(root, "generate_latest_version_pointer_alias") {
            Some(definition) => {
                let context = self.context(&node, |_| {});
                let arguments = CallArgs::positional(vec![custom.map_or(Value::None, Value::str), context.model()]);
                let mut state = State::new(&context, UndefinedMode::Strict);
                let answer = state
                    .call(&Value::from(std::sync::Arc::clone(definition)), arguments)
                    .map_err(|error| errors::in_node(&node, &error, 0))?;
                answer.to_string().trim().to_owned()
            }
            None => custom.unwrap_or(&node.name).to_owned(),
        };
        let is_quoted = node_relation(self.manifest.scope(), &node).quote.0[2];
        let collides = match is_quoted {
            true => alias == node.alias,
            false => alias.eq_ignore_ascii_case(&node.alias),
        };
        if collides {
            return Err(Diagnostic::error(format!(
                "Runtime Error in model {} ({})\n  Cannot create latest version pointer: the latest version of '{}' is already aliased to '{alias}'. Set `latest_version_pointer: enabled: false` or remove the conflicting alias.",
                node.name, node.original_file_path, node.name
            ))
            .at(Location::file(&node.original_file_path))
            .cause("the view on the latest version would replace it")
            .fix("give the view another `alias`, switch it off, or remove the alias of the version"));
        }
        Ok(alias)
    }
}

fn setting<'a>(node: &'a Node, key: &str) -> Option<&'a Json> {
    node.config("latest_version_pointer")?.get(key).filter(|value| !value.is_null())
}
