//! `adapter`: the warehouse as templates see it. While parsing it answers with nothing.

use std::{collections::HashSet, future::Future, sync::Arc};

use diagnostic::Diagnostic;
use jinja::{CallArgs, Error, Object, Result, State, Value};
use names::RelationName;

use super::{
    Column, Relation, Table,
    adapter_answers::{Behavior, Response},
    catalog_integration::{catalog_name, integration},
    node::Context,
};
use crate::adapter::{AdapterError, StatementOrigin};

/// `adapter`.
#[derive(Debug)]
pub(crate) struct AdapterObject(pub Context);

/// Methods that need no warehouse.
const PURE: [&str; 12] = [
    "dispatch",
    "type",
    "quote",
    "quote_as_configured",
    "quote_seed_column",
    "convert_type",
    "commit",
    "get_hard_deletes_behavior",
    "get_incremental_strategy_macro",
    "get_missing_columns",
    "build_catalog_relation",
    "get_catalog_integration",
];

fn to_error(error: AdapterError) -> Error {
    Error::host(error)
}

fn text(value: Option<Value>) -> String {
    match value {
        None | Some(Value::None) => String::new(),
        Some(value) => value.to_string(),
    }
}

fn relation_of(value: Option<Value>, method: &str) -> Result<Relation> {
    let value = value.unwrap_or(Value::None);
    match value.downcast_ref::<Relation>() {
        Some(relation) => Ok(relation.clone()),
        None => Err(Error::host(Diagnostic::error(format!(
            "adapter.{method}() expects a relation, not {}",
            value.type_name()
        )))),
    }
}

impl AdapterObject {
    fn wait<T>(&self, future: impl Future<Output = crate::adapter::AdapterResult<T>>) -> Result<T> {
        let Some(runtime) = &self.0.0.host.runtime else {
            return Err(Error::host(Diagnostic::error("the warehouse cannot be asked here")));
        };
        runtime.block_on(future).map_err(to_error)
    }

    fn origin(&self, step: String) -> StatementOrigin {
        let inner = &self.0.0;
        let node = (!inner.is_macro).then(|| inner.node.unique_id.clone());
        let comment = inner.compiler.as_ref().and_then(|compiler| compiler.query_comment(node.as_ref()).ok().flatten());
        StatementOrigin { node, step, comment }
    }

    fn execute(&self, args: CallArgs) -> Result<Value> {
        let [sql, _, fetch, limit] = args.bind("execute", ["sql", "auto_begin", "fetch", "limit"], 1)?;
        let sql = text(sql);
        let fetch = fetch.is_some_and(|fetch| fetch.is_true());
        let limit = limit.and_then(|limit| limit.as_i64()).and_then(|limit| usize::try_from(limit).ok());
        let origin = self.origin(self.0.next_step());
        let (response, table) = self.wait(self.0.0.host.adapter.execute(&sql, &origin, fetch.then_some(limit)))?;
        self.0.capture().last_response = Some(response.clone());
        let response = Value::from(serde_json::to_value(&response).unwrap_or_default());
        let table = if fetch { Table::from_result(table) } else { Table::empty() };
        Ok(Value::tuple(vec![Value::object(Response(response)), table.into()]))
    }

    /// `submit_python_job`.
    pub(super) fn run_python(&self, model: &Value, code: &str) -> Result<Value> {
        let response = if code.trim().is_empty() {
            crate::adapter::AdapterResponse { message: "OK".to_owned(), code: "OK".to_owned(), ..Default::default() }
        } else {
            let origin = self.origin(self.0.next_step());
            self.wait(self.0.0.host.adapter.run_python(&model.to_json_lossy(), code, &origin))?
        };
        let response = Value::from(serde_json::to_value(&response).unwrap_or_default());
        Ok(Value::object(Response(response)))
    }

    fn get_relation(&self, database: &str, schema: &str, identifier: &str) -> Result<Value> {
        let name = RelationName::new(database, schema, identifier);
        let found = self.wait(self.0.0.host.adapter.get_relation(&name))?;
        Ok(found.map_or(Value::None, |relation| Relation::existing(&relation).into()))
    }

    fn columns(&self, relation: &Relation) -> Result<Vec<Column>> {
        let columns = self.wait(self.0.0.host.adapter.columns(&relation.name()))?;
        Ok(columns.iter().map(Column::existing).collect())
    }

    fn list_relations(&self, database: &str, schema: &str) -> Result<Value> {
        let found = self.wait(self.0.0.host.adapter.list_relations(database, schema))?;
        Ok(Value::list(found.iter().map(|relation| Relation::existing(relation).into()).collect()))
    }

    fn missing_columns(&self, args: CallArgs) -> Result<Value> {
        let [from, to] = args.bind("get_missing_columns", ["from_relation", "to_relation"], 2)?;
        let from = self.columns(&relation_of(from, "get_missing_columns")?)?;
        let to: HashSet<Arc<str>> =
            self.columns(&relation_of(to, "get_missing_columns")?)?.into_iter().map(|column| column.name).collect();
        Ok(Value::list(from.into_iter().filter(|column| !to.contains(&column.name)).map(Value::from).collect()))
    }

    fn look_again(&self, method: &str, args: &CallArgs) -> Result<Value> {
        for relation in args.positional.iter().chain(args.keyword.iter().map(|(_, value)| value)) {
            let relation = relation_of(Some(relation.clone()), method)?;
            self.wait(self.0.0.host.adapter.look_again(&relation.name()))?;
        }
        Ok("".into())
    }

    fn schema_of(&self, args: &CallArgs) -> Result<Relation> {
        relation_of(
            args.positional.first().cloned().or_else(|| args.keyword.first().map(|(_, value)| value.clone())),
            "schema",
        )
    }

    fn dispatch(&self, args: CallArgs) -> Result<Value> {
        let [name, namespace] = args.bind("dispatch", ["macro_name", "macro_namespace"], 1)?;
        let namespace = namespace.filter(|namespace| !namespace.is_none()).map(|namespace| namespace.to_string());
        let inner = &self.0.0;
        let package = inner.node.test_metadata.is_none().then_some(inner.package.as_str());
        let found = inner.scope.macros.dispatch(package, &text(name), namespace.as_deref())?;
        if let Some(replaced) = inner.extra.get(&*found.name) {
            return Ok(replaced.clone());
        }
        Ok(Value::from(found))
    }

    fn pure(&self, name: &str, args: CallArgs) -> Result<Value> {
        let adapter = &self.0.0.host.adapter;
        Ok(match name {
            "dispatch" => return self.dispatch(args),
            "type" => adapter.type_name().into(),
            "quote" => {
                let [identifier] = args.bind(name, ["identifier"], 1)?;
                format!("\"{}\"", text(identifier)).into()
            }
            "quote_as_configured" => {
                let [identifier, key] = args.bind(name, ["identifier", "quote_key"], 2)?;
                let quoting = self.0.0.scope.quoting.0;
                let quoted = match text(key).as_str() {
                    "database" => quoting[0],
                    "schema" => quoting[1],
                    _ => quoting[2],
                };
                let identifier = text(identifier);
                if quoted { format!("\"{identifier}\"").into() } else { identifier.into() }
            }
            "quote_seed_column" => {
                let [column, quote, sign] = args.bind(name, ["column", "quote_config", "quote_character"], 2)?;
                let (column, sign) = (text(column), text(sign));
                let sign = if sign.is_empty() { "\"" } else { &sign };
                match quote {
                    Some(Value::Bool(false)) => column.into(),
                    _ => format!("{sign}{column}{sign}").into(),
                }
            }
            "convert_type" => {
                let [table, column] = args.bind(name, ["agate_table", "col_idx"], 2)?;
                let table = table.as_ref().and_then(Value::downcast_ref::<Table>);
                let index = column.and_then(|index| index.as_i64()).and_then(|index| usize::try_from(index).ok());
                match table.zip(index).and_then(|(table, index)| table.sql_type(index)) {
                    Some(kind) => kind.into(),
                    None => {
                        return Err(Error::type_error(
                            "convert_type() takes a table and the number of one of its columns".to_owned(),
                        ));
                    }
                }
            }
            "get_hard_deletes_behavior" => {
                let [config] = args.bind(name, ["config"], 1)?;
                let get = |key: &str| match &config {
                    Some(Value::Dict(dict)) => dict.get(key),
                    _ => self.0.0.node.config.get(key).map(Value::from),
                };
                let invalidate = get("invalidate_hard_deletes").filter(|value| !value.is_none());
                match (get("hard_deletes").filter(|value| !value.is_none()), invalidate) {
                    (Some(_), Some(_)) => {
                        return Err(Error::host(Diagnostic::error(
                            "You cannot set both the invalidate_hard_deletes and hard_deletes config properties on the same snapshot.",
                        )));
                    }
                    (Some(value), None) => value,
                    (None, Some(flag)) if flag.is_true() => "invalidate".into(),
                    _ => "ignore".into(),
                }
            }
            "get_incremental_strategy_macro" => {
                let [_, strategy] = args.bind(name, ["model_context", "strategy"], 2)?;
                let strategy = match text(strategy) {
                    empty if empty.is_empty() => "default".to_owned(),
                    given => given.replace('+', "_"),
                };
                let inner = &self.0.0;
                let full = format!("get_incremental_{strategy}_sql");
                match inner.scope.macros.find(&inner.package, &full) {
                    Some(found) => Value::from(Arc::clone(found)),
                    None => {
                        return Err(Error::host(Diagnostic::error(format!(
                            "dbt could not find an incremental strategy macro with the name \"{full}\" in {}",
                            inner.scope.root
                        ))));
                    }
                }
            }
            "get_missing_columns" => return self.missing_columns(args),
            "build_catalog_relation" => {
                let [node] = args.bind(name, ["config"], 1)?;
                match node.as_ref().and_then(catalog_name) {
                    Some(name) => integration(adapter.catalog_integration(&name))?,
                    None => Value::None,
                }
            }
            "get_catalog_integration" => {
                let [named] = args.bind(name, ["name"], 1)?;
                integration(adapter.catalog_integration(&text(named)))?
            }
            // There are no transactions.
            _ => "".into(),
        })
    }

    fn warehouse(&self, name: &str, args: CallArgs) -> Option<Result<Value>> {
        Some(match name {
            "execute" => self.execute(args),
            "add_query" => self.execute(CallArgs::positional(args.positional.into_iter().take(1).collect())),
            "get_relation" => args
                .bind(name, ["database", "schema", "identifier"], 3)
                .and_then(|[d, s, i]| self.get_relation(&text(d), &text(s), &text(i))),
            "already_exists" => args.bind(name, ["schema", "name"], 2).and_then(|[schema, table]| {
                let database = self.0.0.host.adapter.database().to_owned();
                Ok((!self.get_relation(&database, &text(schema), &text(table))?.is_none()).into())
            }),
            "get_columns_in_relation" => args.bind(name, ["relation"], 1).and_then(|[relation]| {
                let columns = self.columns(&relation_of(relation, name)?)?;
                Ok(Value::list(columns.into_iter().map(Value::from).collect()))
            }),
            "get_columns_in_table" => args.bind(name, ["schema", "identifier"], 2).and_then(|[schema, table]| {
                let database = self.0.0.host.adapter.database().to_owned();
                let relation = Relation::from_name(&RelationName::new(database, text(schema), text(table)));
                Ok(Value::list(self.columns(&relation)?.into_iter().map(Value::from).collect()))
            }),
            "drop_relation" => args.bind(name, ["relation"], 1).and_then(|[relation]| {
                let relation = relation_of(relation, name)?;
                self.wait(self.0.0.host.adapter.drop_relation(&relation.name()))?;
                Ok("".into())
            }),
            "truncate_relation" => args.bind(name, ["relation"], 1).and_then(|[relation]| {
                let relation = relation_of(relation, name)?;
                let origin = self.origin(self.0.next_step());
                let sql = format!("delete from {}", relation.render());
                self.wait(self.0.0.host.adapter.execute(&sql, &origin, None))?;
                Ok("".into())
            }),
            "rename_relation" => args.bind(name, ["from_relation", "to_relation"], 2).and_then(|[from, to]| {
                let (from, to) = (relation_of(from, name)?, relation_of(to, name)?);
                self.wait(self.0.0.host.adapter.rename_relation(&from.name(), &to.name()))?;
                Ok("".into())
            }),
            "cache_added" | "cache_dropped" | "cache_renamed" => self.look_again(name, &args),
            "create_schema" => self.schema_of(&args).and_then(|relation| {
                let name = relation.name();
                self.wait(self.0.0.host.adapter.create_schema(&name.database, &name.schema))?;
                Ok("".into())
            }),
            "drop_schema" => self.schema_of(&args).and_then(|relation| {
                let name = relation.name();
                self.wait(self.0.0.host.adapter.drop_schema(&name.database, &name.schema))?;
                Ok("".into())
            }),
            "list_schemas" => args.bind(name, ["database"], 1).and_then(|[database]| {
                let found = self.wait(self.0.0.host.adapter.list_schemas(&text(database)))?;
                Ok(Value::list(found.into_iter().map(Value::from).collect()))
            }),
            "check_schema_exists" => args.bind(name, ["database", "schema"], 2).and_then(|[database, schema]| {
                let schema = text(schema);
                let found = self.wait(self.0.0.host.adapter.list_schemas(&text(database)))?;
                Ok(found.iter().any(|known| known.eq_ignore_ascii_case(&schema)).into())
            }),
            "list_relations" => args
                .bind(name, ["database", "schema"], 2)
                .and_then(|[database, schema]| self.list_relations(&text(database), &text(schema))),
            "list_relations_without_caching" => self.schema_of(&args).and_then(|relation| {
                let name = relation.name();
                self.list_relations(&name.database, &name.schema)
            }),
            "expand_target_column_types" => Ok("".into()),
            "get_column_schema_from_query" => args.bind(name, ["sql"], 1).and_then(|[sql]| {
                let origin = self.origin(self.0.next_step());
                let (_, table) = self.wait(self.0.0.host.adapter.execute(&text(sql), &origin, Some(Some(0))))?;
                let columns =
                    table.columns.iter().map(|column| Column::from_description(&column.name, &column.data_type).into());
                Ok(Value::list(columns.collect()))
            }),
            _ => return None,
        })
    }
}

impl Object for AdapterObject {
    fn type_name(&self) -> &str {
        "RuntimeDatabaseWrapper"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        match name {
            "behavior" => {
                let equals_compares_nulls = self.0.0.scope.equals_compares_nulls;
                Some(Value::object(Behavior { equals_compares_nulls }))
            }
            "Relation" => Some(Value::object(super::relation::RelationClass { quote: self.0.0.scope.quoting })),
            "Column" => Some(Value::object(super::column::ColumnClass)),
            "config" => None,
            _ => None,
        }
    }

    fn has_method(&self, name: &str) -> bool {
        !matches!(name, "behavior" | "Relation" | "Column" | "config")
    }

    fn call_method(&self, _: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let executes = self.0.executes();
        if PURE.contains(&name) && (executes || name != "get_missing_columns") {
            return self.pure(name, args);
        }
        if !executes {
            return Ok(parsed_answer(name));
        }
        if let Some(answer) = self.warehouse(name, args.clone()) {
            return answer;
        }
        match self.wait_option(name, args) {
            Some(answer) => answer,
            None => Err(Error::host(
                Diagnostic::error(format!("'adapter' has no method '{name}'"))
                    .cause(format!("the {} adapter does not offer it", self.0.0.host.adapter.type_name()))
                    .fix("check the spelling, or use another method"),
            )),
        }
    }

    fn is_true(&self) -> bool {
        true
    }
}

impl AdapterObject {
    fn project(&self) -> Value {
        let scope = &self.0.0.scope;
        Value::dict([("name", Value::from(scope.root.clone())), ("version", scope.root_version.clone().into())])
    }

    fn wait_option(&self, name: &str, mut args: CallArgs) -> Option<Result<Value>> {
        if name == "persist_docs_to_glue" {
            // The adapter does not know the project, and writes its name and version.
            args.keyword.push(("project".into(), self.project()));
        }
        let runtime = self.0.0.host.runtime.as_ref()?;
        let answer = runtime.block_on(self.0.0.host.adapter.call(name, args))?;
        Some(answer.map_err(to_error))
    }
}

/// What a method answers while parsing.
fn parsed_answer(name: &str) -> Value {
    match name {
        "execute" => Value::tuple(vec![Value::object(Response(Value::None)), Table::empty().into()]),
        "get_columns_in_relation"
        | "get_missing_columns"
        | "list_relations"
        | "list_schemas"
        | "list_relations_without_caching"
        | "get_columns_in_table" => Value::list(Vec::new()),
        "check_schema_exists" | "already_exists" => false.into(),
        _ => Value::None,
    }
}
