//! `Column`: a column's name and type, as templates handle it.

use std::sync::Arc;

use jinja::{CallArgs, Error, Object, Result, State, Value};

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: Arc<str>,
    pub dtype: Arc<str>,
    pub char_size: Option<i64>,
    pub numeric_precision: Option<i64>,
    pub numeric_scale: Option<i64>,
    /// It partitions its table.
    pub is_partition: bool,
}

impl Column {
    /// A column of a name and a type such as `varchar(10)` or `decimal(10, 2)`.
    pub fn from_description(name: &str, raw: &str) -> Self {
        let mut column = Self {
            name: Arc::from(name),
            dtype: Arc::from(raw),
            char_size: None,
            numeric_precision: None,
            numeric_scale: None,
            is_partition: false,
        };
        let Some((base, rest)) = raw.split_once('(') else { return column };
        let Some(inside) = rest.strip_suffix(')') else { return column };
        let numbers: Vec<Option<i64>> = inside.split(',').map(|part| part.trim().parse().ok()).collect();
        match numbers.as_slice() {
            [Some(size)] => {
                if matches!(base.trim().to_ascii_lowercase().as_str(), "decimal" | "numeric") {
                    column.numeric_precision = Some(*size);
                    column.numeric_scale = Some(0);
                } else {
                    column.char_size = Some(*size);
                }
            }
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
        Self { is_partition: column.is_partition, ..Self::from_description(&column.name, &column.data_type) }
    }

    fn base(&self) -> String {
        self.dtype.to_ascii_lowercase()
    }

    fn is_string(&self) -> bool {
        matches!(self.base().as_str(), "text" | "character varying" | "character" | "varchar" | "string" | "char")
    }

    fn is_integer(&self) -> bool {
        matches!(
            self.base().as_str(),
            "smallint"
                | "integer"
                | "bigint"
                | "smallserial"
                | "serial"
                | "bigserial"
                | "int"
                | "tinyint"
                | "int2"
                | "int4"
                | "int8"
        )
    }

    fn is_float(&self) -> bool {
        matches!(self.base().as_str(), "real" | "float4" | "float" | "double precision" | "float8" | "double")
    }

    fn is_numeric(&self) -> bool {
        matches!(self.base().as_str(), "numeric" | "decimal")
    }

    /// The type with its size.
    pub fn data_type(&self) -> String {
        if self.is_string() {
            return match self.char_size {
                Some(size) => format!("varchar({size})"),
                None => self.dtype.to_string(),
            };
        }
        match (self.is_numeric(), self.numeric_precision, self.numeric_scale) {
            (true, Some(precision), Some(scale)) => format!("{}({precision},{scale})", self.dtype),
            _ => self.dtype.to_string(),
        }
    }
}

impl From<Column> for Value {
    fn from(column: Column) -> Self {
        Value::object(column)
    }
}

impl Object for Column {
    fn type_name(&self) -> &str {
        "Column"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "name" | "column" => Value::Str(Arc::clone(&self.name)),
            "quoted" => format!("\"{}\"", self.name).into(),
            "dtype" => Value::Str(Arc::clone(&self.dtype)),
            "data_type" | "expanded_data_type" => self.data_type().into(),
            "char_size" => self.char_size.into(),
            "numeric_precision" => self.numeric_precision.into(),
            "numeric_scale" => self.numeric_scale.into(),
            "is_partition" => self.is_partition.into(),
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
                | "string_size"
                | "can_expand_to"
                | "literal"
        )
    }

    fn call_method(&self, _: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        Ok(match name {
            "is_string" => self.is_string().into(),
            "is_integer" => self.is_integer().into(),
            "is_float" => self.is_float().into(),
            "is_numeric" => self.is_numeric().into(),
            "is_number" => (self.is_integer() || self.is_float() || self.is_numeric()).into(),
            "string_size" => {
                if !self.is_string() {
                    return Err(Error::type_error("Called string_size() on non-string field!".to_owned()));
                }
                self.char_size.unwrap_or(256).into()
            }
            "can_expand_to" => {
                let [other] = args.bind("can_expand_to", ["other_column"], 1)?;
                let other = other.unwrap_or(Value::None);
                let Some(other) = other.downcast_ref::<Self>() else { return Ok(false.into()) };
                let both = self.is_string() && other.is_string();
                (both && other.char_size.unwrap_or(256) > self.char_size.unwrap_or(256)).into()
            }
            "literal" => {
                let [value] = args.bind("literal", ["value"], 1)?;
                format!("{}::{}", value.unwrap_or(Value::None), self.data_type()).into()
            }
            _ => return Err(Error::type_error(format!("'Column' object has no attribute '{name}'"))),
        })
    }

    fn repr(&self) -> String {
        format!("<Column {} ({})>", self.name, self.data_type())
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
            name: text(name).into(),
            dtype: text(dtype).into(),
            char_size: size.and_then(|value| value.as_i64()),
            numeric_precision: precision.and_then(|value| value.as_i64()),
            numeric_scale: scale.and_then(|value| value.as_i64()),
            is_partition: false,
        }
        .into())
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "translate_type" | "create" | "string_type" | "numeric_type" | "from_description")
    }

    fn call_method(&self, _: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let text = |value: Option<Value>| value.map_or_else(String::new, |value| value.to_string());
        Ok(match name {
            "translate_type" => {
                let [dtype] = args.bind(name, ["dtype"], 1)?;
                translate_type(&text(dtype)).into()
            }
            "string_type" => {
                let [size] = args.bind(name, ["size"], 1)?;
                match size.filter(|size| !size.is_none()) {
                    Some(size) => format!("varchar({size})").into(),
                    None => "varchar".into(),
                }
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
                Column::from_description(&text(label), &translate_type(&text(dtype))).into()
            }
            "from_description" => {
                let [label, raw] = args.bind(name, ["name", "raw_data_type"], 2)?;
                Column::from_description(&text(label), &text(raw)).into()
            }
            _ => return Err(Error::type_error(format!("type object 'Column' has no attribute '{name}'"))),
        })
    }

    fn repr(&self) -> String {
        "<class 'Column'>".to_owned()
    }
}
