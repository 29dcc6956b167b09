//! `source freshness`: dbt's macros ask for a source's newest row, so that a project's own take effect.

use std::sync::Arc;

use artifacts::manifest::{Node, ResourceType, Source};
use diagnostic::Diagnostic;
use jinja::{CallArgs, Globals, State, UndefinedMode, Value};

use super::Compiler;
use crate::{
    adapter::AdapterResponse,
    context::{Relation, Table, node::node_relation},
    parse::errors,
};

const BARE_TABLE: &str = "Deprecated functionality\n\nThe 'collect_freshness' macro signature has changed to return the full query result, rather than just a table of values. See the v1.5 migration guide for details on how to update your custom macro: https://docs.getdbt.com/guides/migration/versions/upgrading-to-v1.5";

/// What the warehouse said of a source's age.
#[derive(Debug)]
pub(crate) struct NewestRow {
    pub response: Option<AdapterResponse>,
    pub rows: Vec<Vec<Value>>,
}

impl Compiler {
    /// Calls `collect_freshness`, or `collect_freshness_custom_sql` for a source with a query of its own, which is rendered first;
    /// `None` when the source has neither column nor query.
    ///
    /// # Errors
    /// A query that cannot be rendered, or whatever the macro runs into.
    pub(crate) fn newest_row(&self, source: &Source) -> Result<Option<NewestRow>, Diagnostic> {
        let node = Arc::new(source_node(source));
        let optional = |text: Option<&str>| text.map_or(Value::None, Value::str);
        let (name, asked) = if let Some(query) = &source.loaded_at_query {
            let model = Value::from(serde_json::to_value(source).unwrap_or_default());
            let extra = vec![("model".to_owned(), model.clone()), ("source_node".to_owned(), model)];
            let query = self.render_for(&node, query, extra)?;
            ("collect_freshness_custom_sql", vec![("loaded_at_query", Value::str(query.as_str()))])
        } else if let Some(field) = &source.loaded_at_field {
            let filter = source.freshness.as_ref().and_then(|freshness| freshness.filter.as_deref());
            ("collect_freshness", vec![("loaded_at_field", Value::str(field.as_str())), ("filter", optional(filter))])
        } else {
            return Ok(None);
        };
        let context = self.context(&node, |_| {});
        let relation: Relation = node_relation(self.manifest.scope(), &node);
        let mut keyword = vec![(Arc::from("source"), Value::from(relation))];
        keyword.extend(asked.into_iter().map(|(key, value)| (Arc::from(key), value)));
        let Some(found) = context.lookup(name) else {
            return Err(Diagnostic::error(format!("dbt could not find a macro with the name '{name}' in any package")));
        };
        let mut state = State::new(&context, UndefinedMode::Strict);
        let answer = state
            .call(&found, CallArgs { positional: Vec::new(), keyword: keyword.into_iter().collect() })
            .map_err(|error| errors::in_node(&node, &error, 0))?;
        // Macros of older projects answer the table alone, which says nothing of the statement.
        let is_bare = answer.downcast_ref::<Table>().is_some();
        if is_bare {
            let told = self.host.events.deprecated("CollectFreshnessReturnSignature", BARE_TABLE);
            told.map_err(Diagnostic::error)?;
        }
        let table = answer.as_dict().and_then(|answer| answer.get("table")).unwrap_or(answer);
        let Some(table) = table.downcast_ref::<Table>() else {
            return Err(Diagnostic::error(format!(
                "Compilation Error in source {} ({})\n  The macro '{name}' answered no table",
                source.name, source.original_file_path
            ))
            .cause(format!("it answered {}", table.type_name()))
            .fix(format!("end it with {{{{ return(load_result('{name}')) }}}}")));
        };
        Ok(Some(NewestRow {
            rows: table.rows().map(<[Value]>::to_vec).collect(),
            response: context.take_capture().last_response.filter(|_| !is_bare),
        }))
    }
}

/// The source in the form of what has a context.
fn source_node(source: &Source) -> Node {
    Node {
        name: source.name.clone(),
        resource_type: ResourceType::Source,
        unique_id: source.unique_id.clone(),
        fqn: source.fqn.clone(),
        package_name: source.package_name.clone(),
        path: source.path.clone(),
        original_file_path: source.original_file_path.clone(),
        alias: source.identifier.clone(),
        database: source.database.clone(),
        schema: source.schema.clone(),
        ..Node::default()
    }
}
