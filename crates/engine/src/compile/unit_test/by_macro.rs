//! What dbt's macros write of a unit test, and its materialization, which runs it where the project has a macro in place of one of these.

use std::sync::Arc;

use artifacts::{
    JsonMap,
    manifest::{CompiledCode, Node, ResourceType, Source, UnitTest},
};
use diagnostic::Diagnostic;
use indexmap::IndexMap;
use jinja::{CallArgs, State, UndefinedMode, Value};
use names::UniqueId;
use serde_json::Value as Json;

use super::{Given, Rows, in_test};
use crate::{Compiler, compile::MaterializationOutcome, parse::errors};

/// The materialization of unit tests.
pub(super) const UNIT: &str = "unit";

/// Columns by lower-case name, with their types.
type Types = IndexMap<String, String>;

const FIXTURE: &str = "get_fixture_sql";

impl Compiler {
    /// Runs a unit test whose plan has no query by its materialization's macro, over the query of the actual rows.
    ///
    /// # Errors
    /// As [`Compiler::run_materialization`].
    pub fn run_unit_test(&self, id: &UniqueId, actual_sql: &str) -> Result<MaterializationOutcome, Diagnostic> {
        let unknown = || Diagnostic::error(format!("Internal Error\n  no unit test '{id}' in the manifest"));
        let test = self.manifest.unit_test(id.as_str()).cloned().ok_or_else(unknown)?;
        let model = test.tested_node().ok_or_else(unknown).and_then(|model| self.known(model))?;
        let expect = &test.expect;
        let read = self.read_rows(&expect.rows, &expect.format, expect.fixture.as_deref());
        let (rows, sql) = match read.map_err(|error| in_test(&test, error))? {
            Given::Rows(rows) => (json(&rows), Json::Null),
            Given::Sql(sql) => (Json::Array(Vec::new()), sql.into()),
        };
        let expected = [("expected_rows".to_owned(), rows), ("expected_sql".to_owned(), sql)].into_iter().collect();
        let node = Arc::new(unit_node(&test, &model, actual_sql, expected));
        let context = self.context(&node, |_| {});
        self.run_materialization_in(&node, UNIT, &context)
    }

    /// Whether the project or a package has `get_fixture_sql`, or a macro that it calls, in place of dbt's.
    pub(super) fn is_fixture_replaced(&self, input: &Node) -> bool {
        let (macros, package) = (&self.manifest.scope().macros, input.package_name.as_str());
        macros.find(package, FIXTURE).is_some_and(|found| {
            !macros.is_internal(found.id())
                || macros.first_override(package, Some(package), vec![Arc::clone(found)]).is_some()
        })
    }

    /// The rows of an input, as `get_fixture_sql` writes them.
    pub(super) fn fixture_by_macro(
        &self,
        input: &Node,
        rows: &Rows,
        types: Option<&Types>,
    ) -> Result<String, Diagnostic> {
        let mut node = input.clone();
        // As dbt, which gives it the place of a model.
        node.resource_type = ResourceType::Model;
        node.config.insert("materialized".to_owned(), "ephemeral".into());
        let types = types.map_or(Value::None, dict);
        self.text_of(&Arc::new(node), FIXTURE, vec![Value::from(&json(rows)), types])
    }

    /// The expected rows, as `get_expected_sql` writes them.
    pub(super) fn expected_by_macro(&self, node: &Arc<Node>, rows: &Rows, types: &Types) -> Result<String, Diagnostic> {
        let quoted = types.keys().map(|name| (name.clone(), quoted(name))).collect();
        self.text_of(node, "get_expected_sql", vec![Value::from(&json(rows)), dict(types), dict(&quoted)])
    }

    /// Both sides in one query, as `get_unit_test_sql` writes it.
    pub(super) fn comparison_by_macro(
        &self,
        node: &Arc<Node>,
        actual: &str,
        expected: &str,
        columns: &[String],
    ) -> Result<String, Diagnostic> {
        let columns = columns.iter().map(|name| quoted(name).into()).collect();
        self.text_of(node, "get_unit_test_sql", vec![actual.into(), expected.into(), Value::list(columns)])
    }

    fn text_of(&self, node: &Arc<Node>, name: &str, positional: Vec<Value>) -> Result<String, Diagnostic> {
        let Some(found) = self.manifest.scope().macros.find(&node.package_name, name).cloned() else {
            return Err(Diagnostic::error(format!("'{name}' is not among the macros")));
        };
        let context = self.context(node, |_| {});
        let args = CallArgs { positional, keyword: Vec::new() };
        let text = State::new(&context, UndefinedMode::Strict).call(&Value::from(found), args);
        Ok(text.map_err(|error| errors::in_node(node, &error, 0))?.to_string().trim().to_owned())
    }
}

fn dict(names: &Types) -> Value {
    Value::dict(names.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// What macros see of a unit test: a node in the place of the model's.
pub(super) fn unit_node(test: &UnitTest, model: &Node, actual_sql: &str, expected: JsonMap) -> Node {
    let version = model.version.as_ref().map(|version| format!("_v{}", Value::from(version)));
    let name = format!("{}{}", test.name, version.unwrap_or_default());
    let mut node = Node {
        database: model.database.clone(),
        schema: model.schema.clone(),
        alias: name.clone(),
        name,
        resource_type: ResourceType::UnitTest,
        package_name: test.package_name.clone(),
        path: test.path.clone(),
        original_file_path: test.original_file_path.clone(),
        unique_id: test.unique_id.clone(),
        fqn: test.unique_id.as_str().split('.').map(str::to_owned).collect(),
        raw_code: Arc::clone(&model.raw_code),
        language: model.language.clone(),
        depends_on: test.depends_on.clone(),
        compiled: Some(CompiledCode {
            compiled_code: actual_sql.into(),
            extra_ctes_injected: true,
            ..CompiledCode::default()
        }),
        ..Node::default()
    };
    node.config.insert("materialized".to_owned(), UNIT.into());
    for (key, value) in expected {
        node.config.insert(key, value);
    }
    node
}

/// A source in the place of a model.
pub(super) fn source_node(source: &Source) -> Node {
    Node {
        database: source.database.clone(),
        schema: source.schema.clone(),
        name: source.name.clone(),
        alias: source.identifier.clone(),
        package_name: source.package_name.clone(),
        path: source.path.clone(),
        original_file_path: source.original_file_path.clone(),
        unique_id: source.unique_id.clone(),
        fqn: source.fqn.clone(),
        language: "sql".to_owned(),
        ..Node::default()
    }
}

fn json(rows: &Rows) -> Json {
    let row = |row: &IndexMap<String, Json>| {
        Json::Object(row.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    rows.iter().map(row).collect()
}
