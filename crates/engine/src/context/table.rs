//! `Table`: a query's result with agate's interface.

mod groups;
mod print;

use std::{fmt::Write, sync::Arc};

use jinja::{CallArgs, Error, Object, Result, State, Value, ValueIter};

use crate::adapter::{ResultColumn, ResultTable};

/// The names and rows that a table and its parts share.
#[derive(Debug)]
struct Data {
    names: Vec<Arc<str>>,
    types: Vec<String>,
    rows: Vec<Arc<Vec<Value>>>,
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table(Arc<Data>);

impl Table {
    /// A table without columns and rows.
    pub fn empty() -> Self {
        Self::from_rows(Vec::new(), Vec::new())
    }

    /// From names and rows.
    pub fn from_rows(names: Vec<Arc<str>>, rows: Vec<Vec<Value>>) -> Self {
        let rows: Vec<Arc<Vec<Value>>> = rows.into_iter().map(Arc::new).collect();
        let types = (0..names.len()).map(|index| column_type(&rows, index).to_owned()).collect();
        Self(Arc::new(Data { names, types, rows }))
    }

    /// From a query's result.
    pub fn from_result(result: ResultTable) -> Self {
        Self::from_rows(result.columns.into_iter().map(|column| Arc::from(column.name)).collect(), result.rows)
    }

    /// The names and rows; of types only the values tell.
    pub fn to_result(&self) -> ResultTable {
        let column = |name: &Arc<str>| ResultColumn { name: name.to_string(), data_type: String::new() };
        ResultTable {
            columns: self.0.names.iter().map(column).collect(),
            rows: self.rows().map(<[_]>::to_vec).collect(),
        }
    }

    /// The columns' names.
    pub fn names(&self) -> &[Arc<str>] {
        &self.0.names
    }

    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = &[Value]> {
        self.0.rows.iter().map(|row| row.as_slice())
    }

    /// The type that a seed's column of these values gets, in dbt-athena's words; whole numbers that an INTEGER cannot hold are `bigint`.
    pub fn sql_type(&self, index: usize) -> Option<&'static str> {
        let values = || self.0.rows.iter().filter_map(|row| row.get(index));
        let is_small = |value: &Value| value.is_none() || value.as_i64().is_some_and(|n| i32::try_from(n).is_ok());
        Some(match self.0.types.get(index)?.as_str() {
            "Integer" if values().all(is_small) => "integer",
            "Integer" => "bigint",
            "Number" if values().all(is_whole) => "integer",
            "Number" => "double",
            "Boolean" => "boolean",
            "Date" => "date",
            "DateTime" => "timestamp",
            _ => "string",
        })
    }

    fn index(&self, name: &Value) -> Option<usize> {
        index_of(&self.0, name)
    }

    fn with(&self, names: Vec<Arc<str>>, rows: Vec<Vec<Value>>) -> Value {
        Self::from_rows(names, rows).into()
    }

    fn project(&self, indexes: &[usize]) -> Value {
        let names = indexes.iter().map(|index| Arc::clone(&self.0.names[*index])).collect();
        let rows = self.0.rows.iter().map(|row| indexes.iter().map(|index| row[*index].clone()).collect()).collect();
        self.with(names, rows)
    }

    fn keep_rows(&self, rows: Vec<Arc<Vec<Value>>>) -> Value {
        Self(Arc::new(Data { names: self.0.names.clone(), types: self.0.types.clone(), rows })).into()
    }

    fn row(&self, index: usize) -> Value {
        Value::object(Row { data: Arc::clone(&self.0), values: Arc::clone(&self.0.rows[index]) })
    }
}

impl From<Table> for Value {
    fn from(table: Table) -> Self {
        Value::object(table)
    }
}

/// A number without decimals, or nothing.
fn is_whole(value: &Value) -> bool {
    match value {
        Value::Float(number) => number.fract() == 0.0,
        Value::Decimal(_) => value.to_string().split_once('.').is_none_or(|(_, rest)| rest.bytes().all(|b| b == b'0')),
        _ => true,
    }
}

/// agate's type of a column, by its values.
fn column_type(rows: &[Arc<Vec<Value>>], index: usize) -> &'static str {
    let first = rows.iter().filter_map(|row| row.get(index)).find(|value| !value.is_none());
    match first {
        None | Some(Value::Int(_) | Value::BigInt(_)) => "Integer",
        Some(Value::Float(_) | Value::Decimal(_)) => "Number",
        Some(Value::Bool(_)) => "Boolean",
        Some(Value::Date(_)) => "Date",
        Some(Value::DateTime(_)) => "DateTime",
        Some(_) => "Text",
    }
}

fn index_of(data: &Data, key: &Value) -> Option<usize> {
    match key {
        Value::Int(index) => position(*index, data.names.len()),
        Value::Str(name) => data.names.iter().position(|known| known == name),
        _ => None,
    }
}

fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index + length } else { index };
    (0..length).contains(&index).then(|| usize::try_from(index).ok()).flatten()
}

fn name_list(value: &Value) -> Result<Vec<Value>> {
    match value {
        Value::Str(_) => Ok(vec![value.clone()]),
        other => other.items(),
    }
}

impl Object for Table {
    fn type_name(&self) -> &str {
        "Table"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "columns" => Value::object(Sequence { data: Arc::clone(&self.0), of: Part::Columns }),
            "rows" => Value::object(Sequence { data: Arc::clone(&self.0), of: Part::Rows }),
            "column_names" => Value::tuple(self.0.names.iter().map(|name| Value::Str(Arc::clone(name))).collect()),
            "column_types" => {
                Value::tuple(self.0.types.iter().map(|name| Value::object(DataType(name.clone()))).collect())
            }
            _ => return None,
        })
    }

    /// A row, as of `rows`.
    fn get_item(&self, key: &Value) -> Option<Value> {
        Sequence { data: Arc::clone(&self.0), of: Part::Rows }.get_item(key)
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(
            name,
            "select"
                | "exclude"
                | "where"
                | "find"
                | "rename"
                | "order_by"
                | "limit"
                | "distinct"
                | "print_table"
                | "print_csv"
                | "print_json"
                | "to_csv"
                | "to_json"
                | "aggregate"
                | "group_by"
                | "merge"
        )
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        match name {
            "select" | "exclude" => {
                let [key] = args.bind(name, ["key"], 1)?;
                let wanted: Vec<usize> =
                    name_list(&key.unwrap_or(Value::None))?.iter().filter_map(|name| self.index(name)).collect();
                if name == "select" {
                    return Ok(self.project(&wanted));
                }
                let rest: Vec<usize> = (0..self.0.names.len()).filter(|index| !wanted.contains(index)).collect();
                Ok(self.project(&rest))
            }
            "where" | "find" => {
                let [test] = args.bind(name, ["test"], 1)?;
                let test = test.unwrap_or(Value::None);
                let mut kept = Vec::new();
                for (index, row) in self.0.rows.iter().enumerate() {
                    if state.call(&test, CallArgs::positional(vec![self.row(index)]))?.is_true() {
                        if name == "find" {
                            return Ok(self.row(index));
                        }
                        kept.push(Arc::clone(row));
                    }
                }
                Ok(if name == "find" { Value::None } else { self.keep_rows(kept) })
            }
            "rename" => {
                let [names, _rows, _slug_columns, _slug_rows] =
                    args.bind(name, ["column_names", "row_names", "slug_columns", "slug_rows"], 0)?;
                let mut renamed = self.0.names.clone();
                match names {
                    Some(Value::Dict(dict)) => {
                        for name in &mut renamed {
                            if let Some(new) = dict.get(name) {
                                *name = Arc::from(new.to_string());
                            }
                        }
                    }
                    Some(Value::None) | None => {}
                    Some(list) => {
                        for (slot, new) in renamed.iter_mut().zip(list.items()?) {
                            *slot = Arc::from(new.to_string());
                        }
                    }
                }
                Ok(Self(Arc::new(Data { names: renamed, types: self.0.types.clone(), rows: self.0.rows.clone() }))
                    .into())
            }
            "order_by" => self.order_by(state, args),
            "limit" => {
                let [start, stop, _step] = args.bind(name, ["start_or_stop", "stop", "step"], 0)?;
                let number =
                    |value: Option<Value>| value.and_then(|value| value.as_i64()).and_then(|n| usize::try_from(n).ok());
                let (from, to) = match (number(start), number(stop)) {
                    (Some(from), Some(to)) => (from, to),
                    (Some(to), None) | (None, Some(to)) => (0, to),
                    (None, None) => (0, usize::MAX),
                };
                Ok(self.keep_rows(self.0.rows.iter().take(to).skip(from).cloned().collect()))
            }
            "distinct" => {
                let mut seen = std::collections::HashSet::new();
                let rows = self
                    .0
                    .rows
                    .iter()
                    .filter(|row| seen.insert(row.iter().map(Value::repr).collect::<Vec<_>>()))
                    .cloned()
                    .collect();
                Ok(self.keep_rows(rows))
            }
            "print_table" => self.print_table(state, args),
            "print_csv" => self.print_csv(state, args),
            "print_json" => self.print_json(state, args),
            "group_by" => self.group_by(state, args),
            "merge" => Self::merge(args),
            "to_csv" | "to_json" => Err(Error::type_error(format!(
                "Table.{name} is not supported: templates write no files; use print_{}",
                &name[3..]
            ))),
            _ => Err(Error::type_error(format!("Table.{name} is not supported; use a query instead"))),
        }
    }

    fn iter(&self) -> Option<ValueIter> {
        let table = self.clone();
        Some(Box::new((0..table.0.rows.len()).map(move |index| Ok(table.row(index)))))
    }

    /// As Python has it, a table without rows is false.
    fn len(&self) -> Option<usize> {
        Some(self.0.rows.len())
    }

    fn is_sequence(&self) -> bool {
        false
    }

    fn str(&self) -> String {
        let mut text = String::from("| column | data_type |\n| ------ | --------- |\n");
        for (name, data_type) in self.0.names.iter().zip(&self.0.types) {
            let _ = writeln!(text, "| {name} | {data_type} |");
        }
        text
    }

    fn repr(&self) -> String {
        "<agate.table.Table object>".to_owned()
    }
}

impl Table {
    fn order_by(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        let [key, reverse] = args.bind("order_by", ["key", "reverse"], 1)?;
        let key = key.unwrap_or(Value::None);
        let mut keyed = Vec::with_capacity(self.0.rows.len());
        for (index, row) in self.0.rows.iter().enumerate() {
            let by = match &key {
                Value::Object(function) if function.is_callable() => {
                    state.call(&key, CallArgs::positional(vec![self.row(index)]))?
                }
                names => {
                    let values = name_list(names)?
                        .iter()
                        .map(|name| self.index(name).map_or(Value::None, |index| row[index].clone()))
                        .collect();
                    Value::tuple(values)
                }
            };
            keyed.push((by, Arc::clone(row)));
        }
        keyed.sort_by(|(a, _), (b, _)| order(a, b));
        if reverse.is_some_and(|reverse| reverse.is_true()) {
            keyed.reverse();
        }
        Ok(self.keep_rows(keyed.into_iter().map(|(_, row)| row).collect()))
    }
}

/// Nulls last, else by value where the values have an order.
fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a, b) {
        (Value::Tuple(a), Value::Tuple(b)) => a
            .iter()
            .zip(b.iter())
            .map(|(a, b)| order(a, b))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal),
        (Value::None, Value::None) => std::cmp::Ordering::Equal,
        (Value::None, _) => std::cmp::Ordering::Greater,
        (_, Value::None) => std::cmp::Ordering::Less,
        (a, b) => a.compare(b, "<").ok().flatten().unwrap_or(std::cmp::Ordering::Equal),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Columns,
    Rows,
}

/// `table.columns` or `table.rows`.
#[derive(Debug)]
struct Sequence {
    data: Arc<Data>,
    of: Part,
}

impl Sequence {
    fn length(&self) -> usize {
        match self.of {
            Part::Columns => self.data.names.len(),
            Part::Rows => self.data.rows.len(),
        }
    }

    fn at(&self, index: usize) -> Value {
        item(&self.data, self.of, index)
    }
}

fn item(data: &Arc<Data>, of: Part, index: usize) -> Value {
    match of {
        Part::Columns => Value::object(TableColumn { data: Arc::clone(data), index }),
        Part::Rows => Value::object(Row { data: Arc::clone(data), values: Arc::clone(&data.rows[index]) }),
    }
}

impl Object for Sequence {
    fn type_name(&self) -> &str {
        "MappedSequence"
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        match (self.of, key) {
            (Part::Columns, Value::Str(_)) => index_of(&self.data, key).map(|index| self.at(index)),
            (_, Value::Int(index)) => position(*index, self.length()).map(|index| self.at(index)),
            _ => None,
        }
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "values" | "keys" | "items" | "get" | "dict")
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let all = || (0..self.length()).map(|index| self.at(index));
        let names = || self.data.names.iter().map(|name| Value::Str(Arc::clone(name)));
        Ok(match (name, self.of) {
            ("values", _) => Value::tuple(all().collect()),
            ("keys", Part::Columns) => Value::tuple(names().collect()),
            ("items", Part::Columns) => {
                Value::list(names().zip(all()).map(|(name, column)| Value::tuple(vec![name, column])).collect())
            }
            ("dict", Part::Columns) => Value::dict(names().zip(all())),
            ("get", _) => {
                let [key, default] = args.bind("get", ["key", "default"], 1)?;
                self.get_item(&key.unwrap_or(Value::None)).or(default).unwrap_or(Value::None)
            }
            _ => return state.call_missing("MappedSequence", name),
        })
    }

    fn iter(&self) -> Option<ValueIter> {
        let (data, of) = (Arc::clone(&self.data), self.of);
        Some(Box::new((0..self.length()).map(move |index| Ok(item(&data, of, index)))))
    }

    fn len(&self) -> Option<usize> {
        Some(self.length())
    }

    fn repr(&self) -> String {
        let shown: Vec<String> = (0..self.length().min(5)).map(|index| self.at(index).repr()).collect();
        let more = if self.length() > 5 { ", ..." } else { "" };
        format!("<agate.MappedSequence: ({}{more})>", shown.join(", "))
    }
}

/// A row.
#[derive(Debug)]
struct Row {
    data: Arc<Data>,
    values: Arc<Vec<Value>>,
}

impl Object for Row {
    fn type_name(&self) -> &str {
        "Row"
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        index_of(&self.data, key).and_then(|index| self.values.get(index).cloned())
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "values" | "keys" | "items" | "dict" | "get")
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let names = || self.data.names.iter().map(|name| Value::Str(Arc::clone(name)));
        let pairs = || names().zip(self.values.iter().cloned());
        Ok(match name {
            "values" => Value::tuple(self.values.to_vec()),
            "keys" => Value::tuple(names().collect()),
            "items" => Value::list(pairs().map(|(name, value)| Value::tuple(vec![name, value])).collect()),
            "dict" => Value::dict(pairs()),
            "get" => {
                let [key, default] = args.bind("get", ["key", "default"], 1)?;
                self.get_item(&key.unwrap_or(Value::None)).or(default).unwrap_or(Value::None)
            }
            _ => return state.call_missing("Row", name),
        })
    }

    fn iter(&self) -> Option<ValueIter> {
        let values = Arc::clone(&self.values);
        Some(Box::new((0..values.len()).map(move |index| Ok(values[index].clone()))))
    }

    fn len(&self) -> Option<usize> {
        Some(self.values.len())
    }

    fn repr(&self) -> String {
        let shown: Vec<String> = self.values.iter().take(5).map(Value::repr).collect();
        let more = if self.values.len() > 5 { ", ..." } else { "" };
        format!("<agate.Row: ({}{more})>", shown.join(", "))
    }

    fn eq(&self, other: &Value) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| self.values == other.values)
    }
}

/// A column of a table.
#[derive(Debug)]
struct TableColumn {
    data: Arc<Data>,
    index: usize,
}

impl TableColumn {
    fn values(&self) -> Vec<Value> {
        self.data.rows.iter().map(|row| row[self.index].clone()).collect()
    }
}

impl Object for TableColumn {
    fn type_name(&self) -> &str {
        "Column"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "name" => Value::Str(Arc::clone(&self.data.names[self.index])),
            "data_type" => Value::object(DataType(self.data.types[self.index].clone())),
            "index" => self.index.into(),
            _ => return None,
        })
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        let Value::Int(index) = key else { return None };
        position(*index, self.data.rows.len()).map(|row| self.data.rows[row][self.index].clone())
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(
            name,
            "values" | "values_distinct" | "values_without_nulls" | "values_sorted" | "values_without_nulls_sorted"
        )
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, _: CallArgs) -> Result<Value> {
        let mut values = self.values();
        match name {
            "values" => {}
            "values_distinct" => {
                let mut seen = std::collections::HashSet::new();
                values.retain(|value| seen.insert(value.repr()));
            }
            "values_without_nulls" => values.retain(|value| !value.is_none()),
            "values_sorted" => values.sort_by(order),
            "values_without_nulls_sorted" => {
                values.retain(|value| !value.is_none());
                values.sort_by(order);
            }
            _ => return state.call_missing("Column", name),
        }
        Ok(Value::tuple(values))
    }

    fn iter(&self) -> Option<ValueIter> {
        Some(Box::new(self.values().into_iter().map(Ok)))
    }

    fn len(&self) -> Option<usize> {
        Some(self.data.rows.len())
    }

    fn repr(&self) -> String {
        let values = self.values();
        let shown: Vec<String> = values.iter().take(5).map(Value::repr).collect();
        let more = if values.len() > 5 { ", ..." } else { "" };
        format!("<agate.Column: ({}{more})>", shown.join(", "))
    }
}

/// agate's data type objects: only their names matter.
#[derive(Debug)]
struct DataType(String);

impl Object for DataType {
    fn type_name(&self) -> &str {
        &self.0
    }

    fn repr(&self) -> String {
        format!("<agate.data_types.{}>", self.0)
    }
}
