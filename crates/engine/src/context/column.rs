//! `Column`: a column's name and type, as templates handle it.
//!
//! Source of what is a text, a number, …, and of the spelled types: dbt's `Column` and dbt-athena's `AthenaColumn`.

use std::sync::Arc;

use jinja::{CallArgs, Error, Object, Result, State, Value};

use crate::adapter::TableType;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: Arc<str>,
    /// As the catalog has it, of columns that exist: `int`, `array<string>`, `decimal(10,2)`.
    pub dtype: Arc<str>,
    pub char_size: Option<i64>,
    pub numeric_precision: Option<i64>,
    pub numeric_scale: Option<i64>,
    pub table_type: TableType,
}

impl Column {
    /// A column of a name and a type, which stays as it is written.
    pub fn new(name: &str, dtype: &str) -> Self {
        Self {
            name: Arc::from(name),
            dtype: Arc::from(dtype),
            char_size: None,
            numeric_precision: None,
            numeric_scale: None,
            table_type: TableType::Table,
        }
    }

    /// A column of a name and a type whose size is read, as in `varchar(10)` or `decimal(10, 2)`.
    pub fn from_description(name: &str, raw: &str) -> Self {
        let mut column = Self::new(name, raw);
        let Some((base, rest)) = raw.split_once('(') else { return column };
        let Some(inside) = rest.strip_suffix(')') else { return column };
        let numbers: Vec<Option<i64>> = inside.split(',').map(|part| part.trim().parse().ok()).collect();
        match numbers.as_slice() {
            [Some(size)] => column.char_size = Some(*size),
            [Some(precision), Some(scale)] => {
                column.numeric_precision = Some(*precision);
                column.numeric_scale = Some(*scale);
            }
            _ => return column,
        }
        column.dtype = Arc::from(base.trim());
        column
    }

    /// A column that exists.
    pub fn existing(column: &crate::adapter::Column) -> Self {
        Self { table_type: column.table_type, ..Self::new(&column.name, &column.raw_type) }
    }

    fn is_one_of(&self, types: &[&str]) -> bool {
        types.iter().any(|known| self.dtype.eq_ignore_ascii_case(known))
    }

    fn is_string(&self) -> bool {
        self.is_one_of(&["varchar", "string"])
    }

    fn is_integer(&self) -> bool {
        self.is_one_of(&["smallint", "integer", "bigint", "smallserial", "serial", "bigserial"])
            || self.is_one_of(&["int2", "int4", "int8", "serial2", "serial4", "serial8"])
    }

    fn is_float(&self) -> bool {
        self.is_one_of(&["real", "float4", "float", "double precision", "float8", "double"])
    }

    fn is_numeric(&self) -> bool {
        self.is_one_of(&["numeric", "decimal"])
    }

    fn is_binary(&self) -> bool {
        self.is_one_of(&["binary", "varbinary"])
    }

    fn is_timestamp(&self) -> bool {
        self.is_one_of(&["timestamp"])
    }

    fn is_array(&self) -> bool {
        self.dtype.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("array"))
    }

    fn is_iceberg(&self) -> bool {
        self.table_type == TableType::Iceberg
    }

    /// What is between the outermost brackets of `array<…>` or `array(…)`; else the type itself.
    fn array_inner_type(&self) -> &str {
        let inner = self.dtype.strip_prefix("array").and_then(|rest| rest.strip_prefix(['<', '(']));
        inner.and_then(|inner| inner.strip_suffix(['>', ')'])).unwrap_or(&self.dtype)
    }

    fn timestamp_type(&self) -> &'static str {
        if self.is_iceberg() { "timestamp(6)" } else { "timestamp" }
    }

    /// The type as a query spells it.
    pub fn data_type(&self) -> String {
        if self.is_string() {
            return string_type(self.char_size.unwrap_or(0));
        }
        if let (true, Some(precision), Some(scale)) = (self.is_numeric(), self.numeric_precision, self.numeric_scale) {
            return format!("{}({precision},{scale})", self.dtype);
        }
        if self.is_binary() {
            return "varbinary".to_owned();
        }
        if self.is_timestamp() {
            return self.timestamp_type().to_owned();
        }
        let inner = self.array_inner_type();
        if self.is_array() && inner.len() < self.dtype.len() {
            return format!("array({})", Self::new(&self.name, inner).data_type());
        }
        self.dtype.to_string()
    }
}

fn string_type(size: i64) -> String {
    if size > 0 { format!("varchar({size})") } else { "varchar".to_owned() }
}

impl From<Column> for Value {
    fn from(column: Column) -> Self {
        Value::object(column)
    }
}

impl Object for Column {
    fn type_name(&self) -> &str {
        "AthenaColumn"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "name" | "column" => Value::Str(Arc::clone(&self.name)),
            "quoted" => format!("\"{}\"", self.name).into(),
            "quoted_hive" => format!("`{}`", self.name).into(),
            "dtype" => Value::Str(Arc::clone(&self.dtype)),
            "data_type" | "expanded_data_type" => self.data_type().into(),
            "char_size" => self.char_size.into(),
            "numeric_precision" => self.numeric_precision.into(),
            "numeric_scale" => self.numeric_scale.into(),
            "table_type" => Value::object(self.table_type.member()),
            _ => return None,
        })
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(
            name,
            "is_string"
                | "is_number"
                | "is_integer"
                | "is_float"
                | "is_numeric"
                | "is_binary"
                | "is_timestamp"
                | "is_array"
                | "is_iceberg"
                | "array_inner_type"
                | "timestamp_type"
                | "string_size"
                | "can_expand_to"
                | "literal"
                | "string_type"
                | "binary_type"
                | "array_type"
                | "numeric_type"
                | "translate_type"
                | "create"
                | "from_description"
        )
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        Ok(match name {
            "is_string" => self.is_string().into(),
            "is_integer" => self.is_integer().into(),
            "is_float" => self.is_float().into(),
            "is_numeric" => self.is_numeric().into(),
            "is_number" => (self.is_integer() || self.is_float() || self.is_numeric()).into(),
            "is_binary" => self.is_binary().into(),
            "is_timestamp" => self.is_timestamp().into(),
            "is_array" => self.is_array().into(),
            "is_iceberg" => self.is_iceberg().into(),
            "timestamp_type" => self.timestamp_type().into(),
            "array_inner_type" => match self.is_array() {
                true => self.array_inner_type().into(),
                false => return Err(Error::type_error("Called array_inner_type() on non-array field!".to_owned())),
            },
            "string_size" => {
                if !self.is_string() {
                    return Err(Error::type_error("Called string_size() on non-string field!".to_owned()));
                }
                self.char_size.unwrap_or(0).into()
            }
            "can_expand_to" => {
                let [other] = args.bind("can_expand_to", ["other_column"], 1)?;
                let other = other.unwrap_or(Value::None);
                let Some(other) = other.downcast_ref::<Self>() else { return Ok(false.into()) };
                let both = self.is_string() && other.is_string();
                (both && other.char_size.unwrap_or(0) > self.char_size.unwrap_or(0)).into()
            }
            "literal" => {
                let [value] = args.bind("literal", ["value"], 1)?;
                format!("{}::{}", value.unwrap_or(Value::None), self.data_type()).into()
            }
            _ => return ColumnClass.call_method(state, name, args),
        })
    }

    fn repr(&self) -> String {
        let number = |value: Option<i64>| value.map_or_else(|| "None".to_owned(), |value| value.to_string());
        format!(
            "AthenaColumn(column={}, dtype={}, char_size={}, numeric_precision={}, numeric_scale={}, table_type={})",
            Value::Str(Arc::clone(&self.name)).repr(),
            Value::Str(Arc::clone(&self.dtype)).repr(),
            number(self.char_size),
            number(self.numeric_precision),
            number(self.numeric_scale),
            self.table_type.member().repr(),
        )
    }

    fn eq(&self, other: &Value) -> bool {
        other.downcast_ref::<Self>() == Some(self)
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(serde_json::json!({
            "column": &*self.name, "dtype": &*self.dtype, "char_size": self.char_size,
            "numeric_precision": self.numeric_precision, "numeric_scale": self.numeric_scale,
        }))
    }
}

/// `api.Column`, the class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ColumnClass;

/// The names that dbt-athena translates; all others stay as they are written.
pub(crate) fn translate_type(name: &str) -> String {
    match name.to_ascii_uppercase().as_str() {
        "STRING" | "TEXT" => "VARCHAR".to_owned(),
        _ => name.to_owned(),
    }
}

impl Object for ColumnClass {
    fn type_name(&self) -> &str {
        "type"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
        let [name, dtype, size, precision, scale] =
            args.bind("Column", ["column", "dtype", "char_size", "numeric_precision", "numeric_scale"], 2)?;
        let text = |value: Option<Value>| value.map_or_else(String::new, |value| value.to_string());
        Ok(Column {
            char_size: size.and_then(|value| value.as_i64()),
            numeric_precision: precision.and_then(|value| value.as_i64()),
            numeric_scale: scale.and_then(|value| value.as_i64()),
            ..Column::new(&text(name), &text(dtype))
        }
        .into())
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(
            name,
            "translate_type"
                | "create"
                | "string_type"
                | "binary_type"
                | "array_type"
                | "numeric_type"
                | "from_description"
        )
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let text = |value: Option<Value>| value.map_or_else(String::new, |value| value.to_string());
        Ok(match name {
            "translate_type" => {
                let [dtype] = args.bind(name, ["dtype"], 1)?;
                translate_type(&text(dtype)).into()
            }
            "string_type" => {
                let [size] = args.bind(name, ["size"], 1)?;
                string_type(size.and_then(|size| size.as_i64()).unwrap_or(0)).into()
            }
            "binary_type" => "varbinary".into(),
            "array_type" => {
                let [inner] = args.bind(name, ["inner_type"], 1)?;
                format!("array({})", text(inner)).into()
            }
            "numeric_type" => {
                let [dtype, precision, scale] = args.bind(name, ["dtype", "precision", "scale"], 3)?;
                match (precision.filter(|v| !v.is_none()), scale.filter(|v| !v.is_none())) {
                    (Some(precision), Some(scale)) => format!("{}({precision},{scale})", text(dtype)).into(),
                    _ => text(dtype).into(),
                }
            }
            "create" => {
                let [label, dtype] = args.bind(name, ["name", "label_or_dtype"], 2)?;
                Column::new(&text(label), &translate_type(&text(dtype))).into()
            }
            "from_description" => {
                let [label, raw] = args.bind(name, ["name", "raw_data_type"], 2)?;
                Column::from_description(&text(label), &text(raw)).into()
            }
            _ => return state.call_missing("type Column", name),
        })
    }

    fn repr(&self) -> String {
        "<class 'Column'>".to_owned()
    }
}
