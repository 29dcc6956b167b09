//! Unit tests: the model over given rows, and the rows it must give.

mod by_macro;
mod reference;

use std::{collections::HashMap, sync::Arc};

use artifacts::{
    JsonMap,
    manifest::{ExtraCte, Node, UnitTest, UnitTestGiven},
};
use diagnostic::{Diagnostic, Location};
use indexmap::IndexMap;
use jinja::{CallArgs, Globals, Object, Result as JinjaResult, State, Value};
use names::{RelationName, UniqueId};
use serde_json::Value as Json;

use super::{Compiler, ctes};
use crate::{
    adapter::{ResultTable, StatementOrigin},
    context::node::UnitTestInputs,
    manifest::Found,
};

/// A unit test, ready to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitTestPlan {
    /// The model under test.
    pub model: UniqueId,
    /// The query of the actual rows, with its inputs as CTEs. This is dbt's compiled code of the test.
    pub actual_sql: String,
    /// Both sides in one query: the columns, then `actual_or_expected`, which is `actual` or `expected`.
    /// This is what dbt writes to `target/run`. `None` where a macro of the project has a part in it:
    /// [`Compiler::run_unit_test`] then runs the test.
    pub sql: Option<String>,
}

/// Rows as they are compared.
pub type UnitTestRows = Vec<Vec<Option<String>>>;

/// Rows as a unit test gives them: column → value.
pub(crate) type Rows = Vec<IndexMap<String, Json>>;

/// What an input of a unit test stands for.
struct Input {
    id: UniqueId,
    /// The name of its CTE.
    cte: String,
    relation: RelationName,
    /// What macros see of it.
    node: Arc<Node>,
}

/// Rows, or a query that gives them.
enum Given {
    Rows(Rows),
    Sql(String),
}

impl Compiler {
    /// The SQL of a unit test. Asks the warehouse for the types of its inputs and of the model's columns.
    ///
    /// # Errors
    /// Inputs that do not exist in the warehouse, unknown columns, a model that cannot be compiled over the given rows.
    pub fn unit_test(&self, id: &UniqueId) -> Result<UnitTestPlan, Diagnostic> {
        let Some(test) = self.manifest.unit_test(id.as_str()).cloned() else {
            return Err(Diagnostic::error(format!("Internal Error\n  no unit test '{id}' in the manifest")));
        };
        let fail = |diagnostic: Diagnostic| in_test(&test, diagnostic);
        let model = test
            .tested_node()
            .ok_or_else(|| fail(Diagnostic::error("the unit test has no model")))
            .and_then(|model| self.known(model))?;
        if model.language == "python" {
            return Err(fail(
                Diagnostic::error(format!("'{}' is a Python model", model.name))
                    .cause("a unit test puts its rows into the model's SQL, and runs it as a query")
                    .fix("test what the SQL models around it do, or write the model in SQL"),
            ));
        }
        let (inputs, input_ctes) = self.inputs(&test, &model).map_err(fail)?;
        let overrides = test.overrides.clone().unwrap_or_default();
        let macros = self.overridden_macros(&model, &overrides.macros);
        let (compiled, _) = self
            .compile_node(&model, move |inner| {
                inner.inputs = Some(inputs);
                inner.overridden_vars = overrides.vars;
                inner.overridden_env = overrides.env_vars;
                inner.extra.extend(macros);
            })
            .map_err(fail)?;
        let mut all = input_ctes;
        all.extend(compiled.extra_ctes.iter().cloned());
        let actual_sql = ctes::inject(&compiled.sql, &all);
        let node = Arc::new(by_macro::unit_node(&test, &model, &actual_sql, JsonMap::new()));
        let model = model.unique_id.clone();
        if self.materialization_of(&node, by_macro::UNIT)?.is_some() {
            return Ok(UnitTestPlan { model, actual_sql, sql: None });
        }
        let types = self.actual_types(&test, &actual_sql).map_err(fail)?;
        let (columns, expected_sql) = self.expected(&test, &node, &types).map_err(fail)?;
        let sql = self.comparison_by_macro(&node, &actual_sql, &expected_sql, &columns).map_err(fail)?;
        Ok(UnitTestPlan { model, actual_sql, sql: Some(sql) })
    }

    /// A CTE for each input, and what stands for what.
    fn inputs(&self, test: &UnitTest, model: &Arc<Node>) -> Result<(UnitTestInputs, Vec<ExtraCte>), Diagnostic> {
        let mut inputs = UnitTestInputs::default();
        let mut found = Vec::new();
        for given in &test.given {
            if given.input.trim() == "this" {
                let name = format!("__dbt__cte__{}", model.alias);
                let of = Input {
                    id: model.unique_id.clone(),
                    cte: name.clone(),
                    relation: model.relation(),
                    node: Arc::clone(model),
                };
                let sql = self.input_sql(test, given, &of)?;
                inputs.this = Some(name.clone());
                found.push(ExtraCte { id: model.unique_id.clone(), sql: ctes::cte(&name, &sql) });
                continue;
            }
            let input = self.input(test, model, &given.input)?;
            let sql = self.input_sql(test, given, &input)?;
            found.push(ExtraCte { id: input.id.clone(), sql: ctes::cte(&input.cte, &sql) });
            inputs.by_id.insert(input.id, input.cte);
        }
        Ok((inputs, found))
    }

    /// What an input names: its id, its CTE and its relation.
    fn input(&self, test: &UnitTest, model: &Arc<Node>, input: &str) -> Result<Input, Diagnostic> {
        let (lookup, root) = (self.manifest.lookup(), self.manifest.root_package());
        let unknown = || {
            Diagnostic::error(format!(
                "Unit test '{}' had an input ({input}) which was not found in the manifest.",
                test.name
            ))
            .cause("nothing in the project or its packages has this name")
            .fix("correct the name")
        };
        let named = self.named_input(test, model, input)?;
        if let Some(of) = named.refs.first() {
            let found = lookup.find_ref(&of.name, of.package.as_deref(), of.version.as_ref(), &test.package_name, root);
            let Found::One(id) = found else { return Err(unknown()) };
            let node = self.known(&id)?;
            let cte = format!("__dbt__cte__{}", node.alias);
            return Ok(Input { id, cte, relation: self.relation_or_deferred(&node), node });
        }
        let Some([source, table]) = named.sources.first().map(Vec::as_slice) else { return Err(unknown()) };
        let Some(id) = lookup.find_source(source, table, &test.package_name, root) else { return Err(unknown()) };
        let Some(found) = self.manifest.source(id.as_str()) else { return Err(unknown()) };
        let relation = RelationName::new(found.database.clone().unwrap_or_default(), &found.schema, &found.identifier);
        let cte = format!("__dbt__cte__{}__{}", found.source_name, found.name);
        let node = Arc::new(by_macro::source_node(found));
        Ok(Input { id, cte, relation, node })
    }

    /// A node's relation, or where there is none the one that stands in for it (`--defer`): only its columns are asked for.
    fn relation_or_deferred(&self, node: &Node) -> RelationName {
        let own = node.relation();
        let Some(other) = self.counterpart(&node.unique_id) else { return own };
        match self.ask(self.host.adapter.get_relation(&own)) {
            Ok(None) => other.relation(),
            _ => own,
        }
    }

    fn input_sql(&self, test: &UnitTest, given: &UnitTestGiven, input: &Input) -> Result<String, Diagnostic> {
        let fixture = given.fixture.as_deref();
        let rows = match self.read_rows(&given.rows, &given.format, fixture)? {
            Given::Sql(sql) => return Ok(sql),
            Given::Rows(rows) => rows,
        };
        // The project's own may ask for the types itself; dbt's need not ask again.
        if self.is_fixture_replaced(&input.node) {
            return self.fixture_by_macro(&input.node, &rows, None);
        }
        let types = self.relation_columns(test, &input.relation)?;
        check_names(&rows, &types, &format!("'{}'", input.relation.identifier))?;
        self.fixture_by_macro(&input.node, &rows, Some(&types))
    }

    fn read_rows(&self, rows: &Json, format: &str, fixture: Option<&str>) -> Result<Given, Diagnostic> {
        if let (Json::Null, Some(name)) = (rows, fixture) {
            return Err(Diagnostic::error(format!("Could not find fixture file {name} for unit test"))
                .cause("fixtures are .csv and .sql files in the `fixtures` directory of `test-paths`")
                .fix("create the file, or correct the name"));
        }
        if format == "sql" {
            let sql = rows.as_str().unwrap_or_default();
            return Ok(Given::Sql(sql.trim().trim_end_matches(';').to_owned()));
        }
        let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
        let rows = rows
            .iter()
            .filter_map(Json::as_object)
            .map(|row| row.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
            .collect();
        Ok(Given::Rows(rows))
    }

    /// The columns of an input, by lower-case name, with their types.
    fn relation_columns(
        &self,
        test: &UnitTest,
        relation: &RelationName,
    ) -> Result<IndexMap<String, String>, Diagnostic> {
        let columns = self.ask(self.host.adapter.columns(relation));
        match columns {
            Ok(columns) if !columns.is_empty() => {
                Ok(columns.into_iter().map(|column| (column.name.to_lowercase(), column.data_type)).collect())
            }
            _ => Err(Diagnostic::error(format!(
                "Not able to get columns for unit test '{}' from relation {relation} because the relation doesn't exist",
                test.name
            ))
            .cause("the types of the given values are those of the real relation's columns")
            .fix("build the model's parents first (`--empty` is enough), or give the input with `format: sql`")),
        }
    }

    /// The columns of a query, by lower-case name, with the warehouse's short names of their types.
    fn query_columns(&self, test: &UnitTest, sql: &str) -> Result<IndexMap<String, String>, Diagnostic> {
        let query = format!("select * from (\n{sql}\n) as __dbt_sbq\nwhere false\nlimit 0");
        let table = self.ask_for(test, "columns", &query)?;
        Ok(table.columns.into_iter().map(|column| (column.name.to_lowercase(), column.data_type)).collect())
    }

    /// As [`Compiler::query_columns`], where texts have their lengths, to which expected values are cut as they would be in a table.
    fn actual_types(&self, test: &UnitTest, sql: &str) -> Result<IndexMap<String, String>, Diagnostic> {
        let mut types = self.query_columns(test, sql)?;
        let texts: Vec<String> =
            types.iter().filter(|(_, kind)| *kind == "varchar").map(|(name, _)| name.clone()).collect();
        if texts.is_empty() || test.expect.rows.as_array().is_none_or(Vec::is_empty) {
            return Ok(types);
        }
        let list: Vec<String> = texts.iter().map(|name| format!("typeof(\"{name}\")")).collect();
        let query = format!(
            "select {}\nfrom (values 1) as one(n)\nleft join (\nselect * from (\n{sql}\n) as __dbt_sbq\nwhere false\n) as typed on true",
            list.join(", ")
        );
        let table = self.ask_for(test, "types", &query)?;
        for (name, kind) in texts.into_iter().zip(table.rows.into_iter().next().unwrap_or_default()) {
            if let Some(kind) = kind.as_str() {
                types.insert(name, kind.to_owned());
            }
        }
        Ok(types)
    }

    fn ask_for(&self, test: &UnitTest, step: &str, query: &str) -> Result<ResultTable, Diagnostic> {
        let origin = StatementOrigin {
            node: Some(test.unique_id.clone()),
            step: step.to_owned(),
            comment: self.query_comment(Some(&test.unique_id)).ok().flatten(),
        };
        let (_, table) = self.ask(self.host.adapter.execute(query, &origin, Some(None)))?;
        Ok(table)
    }

    fn ask<T>(&self, future: impl Future<Output = crate::adapter::AdapterResult<T>>) -> Result<T, Diagnostic> {
        let Some(runtime) = &self.host.runtime else {
            return Err(Diagnostic::error("the warehouse cannot be asked here"));
        };
        runtime.block_on(future).map_err(|error| (*error.diagnostic).clone())
    }

    /// The columns that are compared, and the query of the expected rows.
    fn expected(
        &self,
        test: &UnitTest,
        node: &Arc<Node>,
        types: &IndexMap<String, String>,
    ) -> Result<(Vec<String>, String), Diagnostic> {
        let expect = &test.expect;
        match self.read_rows(&expect.rows, &expect.format, expect.fixture.as_deref())? {
            Given::Sql(sql) => {
                let columns = self.query_columns(test, &sql)?;
                Ok((columns.into_keys().collect(), sql))
            }
            Given::Rows(rows) => {
                check_names(&rows, types, "expected output")?;
                let columns = match rows.first() {
                    Some(first) => first.keys().map(|name| name.to_lowercase()).collect(),
                    None => types.keys().cloned().collect(),
                };
                Ok((columns, self.expected_by_macro(node, &rows, types)?))
            }
        }
    }

    /// Macros that answer what the test says, and other names of the context that are what it says. A name that nothing has stays undefined.
    ///
    /// Source: dbt Core 1.12, `generate_runtime_unit_test_context`.
    fn overridden_macros(&self, model: &Arc<Node>, overrides: &JsonMap) -> HashMap<String, Value> {
        let known = &self.manifest.scope().macros;
        let context = self.context(model, |_| {});
        let mut extra = HashMap::new();
        let mut packages: HashMap<String, HashMap<String, Value>> = HashMap::new();
        for (name, answer) in overrides {
            let answer = Value::from(answer);
            match name.split_once('.') {
                None if known.scope(&model.package_name).contains_key(name.as_str()) => {
                    // A macro of dbt's is replaced under its qualified name as well.
                    let global = crate::context::GLOBAL_PACKAGE;
                    if known.find_in(global, name).is_some() {
                        let replaced = packages.entry(global.to_owned()).or_default();
                        replaced.insert(name.clone(), constant(answer.clone()));
                    }
                    extra.insert(name.clone(), constant(answer));
                }
                None if context.lookup(name).is_some() => {
                    extra.insert(name.clone(), answer);
                }
                None => {}
                // The plain name counts more.
                Some((package, name)) if package == crate::context::GLOBAL_PACKAGE && overrides.contains_key(name) => {}
                Some((package, name)) => {
                    packages.entry(package.to_owned()).or_default().insert(name.to_owned(), constant(answer.clone()));
                    let own = package == self.manifest.root_package() || package == crate::context::GLOBAL_PACKAGE;
                    if own {
                        extra.insert(name.to_owned(), constant(answer));
                    }
                }
            }
        }
        for (package, replaced) in packages {
            let macros = self.manifest.scope().macros.package(&package).cloned().unwrap_or_default();
            let namespace = OverriddenPackage { replaced, macros };
            extra.insert(package, Value::object(namespace));
        }
        extra
    }
}

fn constant(answer: Value) -> Value {
    Value::function("overridden macro", move |_, _| Ok(answer.clone()))
}

/// A package some of whose macros a unit test replaces.
#[derive(Debug)]
struct OverriddenPackage {
    replaced: HashMap<String, Value>,
    macros: Arc<HashMap<Arc<str>, Arc<jinja::MacroDef>>>,
}

impl Object for OverriddenPackage {
    fn get_attr(&self, name: &str) -> Option<Value> {
        let found = self.macros.get(name).map(|found| Value::from(Arc::clone(found)));
        self.replaced.get(name).cloned().or(found)
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> JinjaResult<Value> {
        let found = self.get_attr(name).unwrap_or_else(|| Value::undefined(name));
        state.call(&found, args)
    }
}

fn in_test(test: &UnitTest, diagnostic: Diagnostic) -> Diagnostic {
    // Of the model's own head only the sentence below it is of interest here.
    let sentence = match diagnostic.what.split_once('\n') {
        Some((head, rest)) if head.starts_with("Compilation Error in") => rest.trim_start().to_owned(),
        _ => diagnostic.what.clone(),
    };
    let head = format!("Compilation Error in unit_test {} ({})", test.name, test.original_file_path);
    let mut diagnostic = Diagnostic { what: format!("{head}\n  {sentence}"), ..diagnostic };
    diagnostic.location = diagnostic.location.or_else(|| Some(Location::file(&test.original_file_path)));
    diagnostic
}

fn unknown_column<'a>(column: &str, known: impl Iterator<Item = &'a String>, what: &str) -> Diagnostic {
    let known: Vec<String> = known.map(|name| format!("'{name}'")).collect();
    Diagnostic::error(format!("Invalid column name: '{column}' in unit test fixture for {what}."))
        .cause(format!("Accepted columns for {what} are: [{}]", known.join(", ")))
        .fix("correct the name")
}

/// Whether all columns of the rows are known.
fn check_names(rows: &Rows, known: &IndexMap<String, String>, what: &str) -> Result<(), Diagnostic> {
    let names = rows.iter().flat_map(IndexMap::keys).map(|name| name.to_lowercase());
    match names.into_iter().find(|name| !known.contains_key(name)) {
        Some(unknown) => Err(unknown_column(&unknown, known.keys(), what)),
        None => Ok(()),
    }
}
