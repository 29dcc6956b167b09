//! `group_by`: a table for each value; and `merge`, several tables as one.

use std::sync::Arc;

use jinja::{CallArgs, Error, Object, Result, State, Value, ValueIter};

use super::{Data, Table, position};

impl Table {
    pub(super) fn group_by(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        let [key, key_name, _key_type] = args.bind("group_by", ["key", "key_name", "key_type"], 1)?;
        let key = key.unwrap_or(Value::None);
        let column = match &key {
            Value::Object(function) if function.is_callable() => None,
            name => Some(
                self.index(name)
                    .ok_or_else(|| Error::type_error(format!("the table has no column {}", name.repr())))?,
            ),
        };
        let mut groups: Vec<(Value, Vec<Arc<Vec<Value>>>)> = Vec::new();
        for (index, row) in self.0.rows.iter().enumerate() {
            let group = match column {
                Some(column) => row[column].clone(),
                None => match state.call(&key, CallArgs::positional(vec![self.row(index)]))? {
                    Value::None => Value::None,
                    value => Value::from(value.to_string()),
                },
            };
            match groups.iter_mut().find(|(known, _)| *known == group) {
                Some((_, rows)) => rows.push(Arc::clone(row)),
                None => groups.push((group, vec![Arc::clone(row)])),
            }
        }
        let key_name = key_name.filter(|name| !name.is_none()).unwrap_or_else(|| match column {
            Some(column) => Value::Str(Arc::clone(&self.0.names[column])),
            None => "group".into(),
        });
        let groups = groups.into_iter().map(|(group, rows)| (group, self.keep_rows(rows))).collect();
        Ok(Value::object(TableSet { key_name, groups: Arc::new(groups) }))
    }

    /// Also called on a table, it takes only the tables that it is given.
    pub(super) fn merge(args: CallArgs) -> Result<Value> {
        let [tables, _row_names, column_names] = args.bind("merge", ["tables", "row_names", "column_names"], 1)?;
        let tables = tables.unwrap_or(Value::None).items()?;
        let tables: Option<Vec<&Table>> = tables.iter().map(Value::downcast_ref::<Table>).collect();
        let Some(tables) = tables else { return Err(Error::type_error("merge() takes a list of tables".to_owned())) };
        let wanted: Option<Vec<Value>> =
            column_names.filter(|names| !names.is_none()).map(|names| names.items()).transpose()?;
        let is_wanted =
            |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|column| column.as_str() == Some(name)));
        let (mut names, mut types): (Vec<Arc<str>>, Vec<String>) = (Vec::new(), Vec::new());
        for table in &tables {
            for (name, data_type) in table.0.names.iter().zip(&table.0.types).filter(|(name, _)| is_wanted(name)) {
                match names.iter().position(|known| known == name) {
                    None => {
                        names.push(Arc::clone(name));
                        types.push(data_type.clone());
                    }
                    Some(index) if types[index] == *data_type => {}
                    Some(_) => {
                        return Err(Error::type_error(
                            "Tables contain columns with the same names, but different types.".to_owned(),
                        ));
                    }
                }
            }
        }
        let mut rows = Vec::new();
        for table in &tables {
            let places: Vec<Option<usize>> =
                names.iter().map(|name| table.0.names.iter().position(|known| known == name)).collect();
            rows.extend(table.0.rows.iter().map(|row| {
                let values = places.iter().map(|place| place.map_or(Value::None, |place| row[place].clone()));
                Arc::new(values.collect::<Vec<_>>())
            }));
        }
        Ok(Table(Arc::new(Data { names, types, rows })).into())
    }
}

/// Tables by what their rows have in common.
#[derive(Debug)]
struct TableSet {
    key_name: Value,
    groups: Arc<Vec<(Value, Value)>>,
}

impl Object for TableSet {
    fn type_name(&self) -> &str {
        "TableSet"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        (name == "key_name").then(|| self.key_name.clone())
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        let by_key = self.groups.iter().find(|(group, _)| group == key);
        let by_place = || match key {
            Value::Int(index) => position(*index, self.groups.len()).map(|index| &self.groups[index]),
            _ => None,
        };
        by_key.or_else(by_place).map(|(_, table)| table.clone())
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "keys" | "values" | "items" | "get" | "dict" | "merge")
    }

    fn call_method(&self, _: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let groups = || self.groups.iter().cloned();
        Ok(match name {
            "keys" => Value::tuple(groups().map(|(group, _)| group).collect()),
            "values" => Value::tuple(groups().map(|(_, table)| table).collect()),
            "items" => Value::list(groups().map(|(group, table)| Value::tuple(vec![group, table])).collect()),
            "dict" => Value::dict(groups()),
            "get" => {
                let [key, default] = args.bind("get", ["key", "default"], 1)?;
                self.get_item(&key.unwrap_or(Value::None)).or(default).unwrap_or(Value::None)
            }
            _ => return Err(Error::type_error(format!("TableSet.{name} is not supported; use a query instead"))),
        })
    }

    fn iter(&self) -> Option<ValueIter> {
        let groups = Arc::clone(&self.groups);
        Some(Box::new((0..groups.len()).map(move |index| Ok(groups[index].1.clone()))))
    }

    fn len(&self) -> Option<usize> {
        Some(self.groups.len())
    }

    fn is_sequence(&self) -> bool {
        false
    }

    fn repr(&self) -> String {
        "<agate.tableset.TableSet object>".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use jinja::{Names, UndefinedMode};

    use super::*;

    fn table(rows: Vec<Vec<Value>>) -> Table {
        Table::from_rows(["kind", "n"].map(Arc::from).to_vec(), rows)
    }

    #[test]
    fn rows_are_grouped_in_the_order_of_their_values() {
        let rows = vec![vec!["b".into(), 1.into()], vec!["a".into(), 2.into()], vec!["b".into(), 3.into()]];
        let globals = Names::default();
        let mut state = State::new(&globals, UndefinedMode::Strict);
        let set = table(rows).group_by(&mut state, CallArgs::positional(vec!["kind".into()])).expect("a column");
        let set = set.downcast_ref::<TableSet>().expect("a set");
        assert_eq!(set.key_name.as_str(), Some("kind"));
        let sizes: Vec<(String, Option<usize>)> = set
            .groups
            .iter()
            .map(|(group, table)| (group.to_string(), table.downcast_ref::<Table>().map(|table| table.rows().count())))
            .collect();
        assert_eq!(sizes, [("b".to_owned(), Some(2)), ("a".to_owned(), Some(1))]);
    }

    #[test]
    fn tables_are_merged_by_the_names_of_their_columns() {
        let one = table(vec![vec!["a".into(), 1.into()]]);
        let other = Table::from_rows(vec![Arc::from("n")], vec![vec![2.into()]]);
        let merged = Table::merge(CallArgs::positional(vec![Value::list(vec![one.clone().into(), other.into()])]));
        let merged = merged.expect("the types agree");
        let merged = merged.downcast_ref::<Table>().expect("a table");
        let rows: Vec<String> = merged.rows().map(|row| Value::list(row.to_vec()).repr()).collect();
        assert_eq!(rows, ["['a', 1]", "[None, 2]"]);
        let text = Table::from_rows(vec![Arc::from("n")], vec![vec!["x".into()]]);
        let failed = Table::merge(CallArgs::positional(vec![Value::list(vec![one.into(), text.into()])]));
        assert!(failed.is_err_and(|error| error.to_string().contains("different types")));
    }
}
