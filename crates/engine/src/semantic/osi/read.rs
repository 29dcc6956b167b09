//! A document out of JSON, as leniently as MetricFlow reads it: numbers serve as texts, unknown members are passed over.

use artifacts::osi::{
    Dataset, DialectExpression, Dimension, Document, Expression, Field, Metric, Relationship, SemanticModel, VERSION,
};
use serde_json::Value as Json;

/// The dialects that a document may name.
const DIALECTS: &[&str] = &["ANSI_SQL", "SNOWFLAKE", "MDX", "TABLEAU", "DATABRICKS"];
const VENDORS: &[&str] = &["COMMON", "SNOWFLAKE", "SALESFORCE", "DBT", "DATABRICKS"];
const DATA_TYPES: &[&str] =
    &["String", "Integer", "Decimal", "Float", "Boolean", "Date", "Time", "DateTime", "DateTimeTz", "Opaque"];

/// A member or an item on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Member(&'static str),
    Item(usize),
}

/// A value that is not as the format wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The value, or where it should be.
    pub path: Vec<Step>,
    pub what: String,
}

impl Mistake {
    /// `semantic_model -> 0 -> name`
    pub fn place(&self) -> String {
        let steps = self.path.iter().map(|step| match step {
            Step::Member(name) => (*name).to_owned(),
            Step::Item(index) => index.to_string(),
        });
        steps.collect::<Vec<_>>().join(" -> ")
    }
}

/// Reads a document, or says all that is wrong with it.
pub(crate) fn read(json: &Json) -> Result<Document, Vec<Mistake>> {
    let mut reader = Reader::default();
    let document = reader.document(json);
    if reader.mistakes.is_empty() { Ok(document) } else { Err(reader.mistakes) }
}

#[derive(Default)]
struct Reader {
    path: Vec<Step>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn mistake(&mut self, what: impl Into<String>) {
        self.mistakes.push(Mistake { path: self.path.clone(), what: what.into() });
    }

    /// A member that may be absent or null.
    fn optional<T>(&mut self, of: &Json, name: &'static str, read: impl FnOnce(&mut Self, &Json) -> T) -> Option<T> {
        let value = of.get(name).filter(|value| !value.is_null())?;
        self.path.push(Step::Member(name));
        let value = read(self, value);
        self.path.pop();
        Some(value)
    }

    /// A member that must be there.
    fn required<T: Default>(&mut self, of: &Json, name: &'static str, read: impl FnOnce(&mut Self, &Json) -> T) -> T {
        self.path.push(Step::Member(name));
        let value = match of.get(name) {
            None => {
                self.mistake("it is missing");
                T::default()
            }
            Some(Json::Null) => {
                self.mistake("it is null");
                T::default()
            }
            Some(value) => read(self, value),
        };
        self.path.pop();
        value
    }

    fn list<T>(&mut self, value: &Json, mut read: impl FnMut(&mut Self, &Json) -> T) -> Vec<T> {
        let Some(items) = value.as_array() else {
            self.mistake("it is no list");
            return Vec::new();
        };
        let mut read_item = |(index, item): (usize, &Json)| {
            self.path.push(Step::Item(index));
            let item = read(self, item);
            self.path.pop();
            item
        };
        items.iter().enumerate().map(&mut read_item).collect()
    }

    fn objects<T: Default>(&mut self, value: &Json, read: fn(&mut Self, &Json) -> T) -> Vec<T> {
        self.list(value, |reader, item| reader.object(item, read))
    }

    fn object<T: Default>(&mut self, value: &Json, read: impl FnOnce(&mut Self, &Json) -> T) -> T {
        if value.is_object() {
            return read(self, value);
        }
        self.mistake("it is no object");
        T::default()
    }

    /// Numbers and truths count as texts, as Python writes them.
    fn text(&mut self, value: &Json) -> String {
        match value {
            Json::String(text) => text.clone(),
            Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
                Some(float) => jinja::Value::from(float).to_string(),
                None => number.to_string(),
            },
            Json::Bool(true) => "True".to_owned(),
            Json::Bool(false) => "False".to_owned(),
            _ => {
                self.mistake("it is no text");
                String::new()
            }
        }
    }

    fn texts(&mut self, value: &Json) -> Vec<String> {
        self.list(value, Self::text)
    }

    fn truth(&mut self, value: &Json) -> bool {
        let text = match value {
            Json::Bool(truth) => return *truth,
            Json::Number(number) if number.as_f64() == Some(1.0) => return true,
            Json::Number(number) if number.as_f64() == Some(0.0) => return false,
            Json::String(text) => text.to_lowercase(),
            _ => String::new(),
        };
        match text.as_str() {
            "1" | "on" | "t" | "true" | "y" | "yes" => true,
            "0" | "off" | "f" | "false" | "n" | "no" => false,
            _ => {
                self.mistake("it is neither true nor false");
                false
            }
        }
    }

    fn one_of(&mut self, value: &Json, known: &[&str]) -> String {
        match value.as_str().filter(|text| known.contains(text)) {
            Some(text) => text.to_owned(),
            None => {
                self.mistake(format!("it is none of {}", known.join(", ")));
                String::new()
            }
        }
    }

    fn document(&mut self, json: &Json) -> Document {
        self.object(json, |reader, of| Document {
            version: match of.get("version") {
                None => VERSION.to_owned(),
                Some(_) => reader.required(of, "version", Self::text),
            },
            dialects: reader
                .optional(of, "dialects", |reader, value| {
                    reader.list(value, |reader, dialect| reader.one_of(dialect, DIALECTS))
                })
                .unwrap_or_default(),
            semantic_model: {
                reader.optional(of, "vendors", |reader, value| {
                    reader.list(value, |reader, vendor| reader.one_of(vendor, VENDORS))
                });
                reader.required(of, "semantic_model", |reader, value| reader.objects(value, Self::semantic_model))
            },
        })
    }

    fn semantic_model(&mut self, of: &Json) -> SemanticModel {
        self.described(of);
        SemanticModel {
            name: self.required(of, "name", Self::text),
            datasets: self.required(of, "datasets", |reader, value| reader.objects(value, Self::dataset)),
            relationships: self
                .optional(of, "relationships", |reader, value| reader.objects(value, Self::relationship))
                .unwrap_or_default(),
            metrics: self
                .optional(of, "metrics", |reader, value| reader.objects(value, Self::metric))
                .unwrap_or_default(),
        }
    }

    fn dataset(&mut self, of: &Json) -> Dataset {
        Dataset {
            name: self.required(of, "name", Self::text),
            source: self.required(of, "source", Self::text),
            primary_key: self.optional(of, "primary_key", Self::texts).unwrap_or_default(),
            unique_keys: self
                .optional(of, "unique_keys", |reader, value| reader.list(value, Self::texts))
                .unwrap_or_default(),
            description: self.described(of),
            fields: self.optional(of, "fields", |reader, value| reader.objects(value, Self::field)).unwrap_or_default(),
        }
    }

    fn field(&mut self, of: &Json) -> Field {
        self.optional(of, "datatype", |reader, value| reader.one_of(value, DATA_TYPES));
        Field {
            name: self.required(of, "name", Self::text),
            expression: self.required(of, "expression", Self::expression),
            dimension: self.optional(of, "dimension", |reader, value| {
                reader.object(value, |reader, of| Dimension { is_time: reader.required(of, "is_time", Self::truth) })
            }),
            label: self.optional(of, "label", Self::text),
            description: self.described(of),
        }
    }

    fn expression(&mut self, value: &Json) -> Expression {
        let dialect = |reader: &mut Self, of: &Json| DialectExpression {
            dialect: reader.required(of, "dialect", |reader, value| reader.one_of(value, DIALECTS)),
            expression: reader.required(of, "expression", Self::text),
        };
        self.object(value, |reader, of| Expression {
            dialects: reader.required(of, "dialects", |reader, value| reader.objects(value, dialect)),
        })
    }

    fn relationship(&mut self, of: &Json) -> Relationship {
        self.described(of);
        let from = if of.get("from").is_none() && of.get("from_dataset").is_some() { "from_dataset" } else { "from" };
        Relationship {
            name: self.required(of, "name", Self::text),
            from: self.required(of, from, Self::text),
            to: self.required(of, "to", Self::text),
            from_columns: self.required(of, "from_columns", Self::texts),
            to_columns: self.required(of, "to_columns", Self::texts),
        }
    }

    fn metric(&mut self, of: &Json) -> Metric {
        self.optional(of, "datatype", |reader, value| reader.one_of(value, DATA_TYPES));
        Metric {
            name: self.required(of, "name", Self::text),
            expression: self.required(of, "expression", Self::expression),
            description: self.described(of),
        }
    }

    /// The description; what is not kept is only checked.
    fn described(&mut self, of: &Json) -> Option<String> {
        self.optional(of, "ai_context", |reader, value| {
            let Json::Object(_) = value else {
                reader.text(value);
                return;
            };
            reader.optional(value, "instructions", Self::text);
            reader.optional(value, "synonyms", Self::texts);
            reader.optional(value, "examples", Self::texts);
        });
        self.optional(of, "custom_extensions", |reader, value| {
            reader.objects(value, |reader, of| {
                reader.required(of, "vendor_name", |reader, value| reader.one_of(value, VENDORS));
                reader.required(of, "data", Self::text);
            })
        });
        self.optional(of, "description", Self::text)
    }
}
