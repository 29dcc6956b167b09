//! `Relation`: a table's name with its quoting, as templates handle it.

use std::sync::Arc;

use jinja::{CallArgs, Error, Object, Result, State, Value, ValueIter};
use names::RelationName;

use crate::adapter::RelationKind;

/// The three parts of a name, in order.
const PARTS: [&str; 3] = ["database", "schema", "identifier"];

/// What a relation has when it is walked as a mapping.
const KEYS: [&str; 7] = ["path", "type", "quote_character", "include_policy", "quote_policy", "limit", "metadata"];

/// A flag for each part of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartFlags(pub [bool; 3]);

impl Default for PartFlags {
    fn default() -> Self {
        Self([true; 3])
    }
}

impl PartFlags {
    /// These flags, with those that `quoting` sets.
    pub fn with(self, quoting: &artifacts::manifest::Quoting) -> Self {
        let Self([database, schema, identifier]) = self;
        Self([
            quoting.database.unwrap_or(database),
            quoting.schema.unwrap_or(schema),
            quoting.identifier.unwrap_or(identifier),
        ])
    }
}

/// What narrows a relation's rows when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum RowFilter {
    /// All rows.
    #[default]
    All,
    /// `--empty`: no rows.
    Empty,
    /// Rows of a span of event time.
    EventTime { condition: String, is_empty: bool },
}

/// A relation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Relation {
    /// Database, schema, identifier.
    pub parts: [Option<Arc<str>>; 3],
    /// `table`, `view`, `cte`, `external`, `materialized_view`.
    pub kind: Option<Arc<str>>,
    /// Glue's parameter `table_type` of what was looked up: `ICEBERG` or empty.
    pub detail: Option<Arc<str>>,
    pub quote: PartFlags,
    pub include: PartFlags,
    pub filter: RowFilter,
    /// The folder of its files, where it is not the identifier.
    pub s3_path_table_part: Option<Arc<str>>,
}

impl Relation {
    /// A fully qualified relation.
    pub fn new(database: Option<&str>, schema: &str, identifier: &str, quote: PartFlags) -> Self {
        Self {
            parts: [database.map(Arc::from), Some(Arc::from(schema)), Some(Arc::from(identifier))],
            quote,
            ..Self::default()
        }
    }

    /// An ephemeral model's name in its consumers.
    pub fn cte(name: &str) -> Self {
        Self {
            parts: [None, None, Some(Arc::from(name))],
            kind: Some(Arc::from("cte")),
            quote: PartFlags([false; 3]),
            include: PartFlags([false, false, true]),
            ..Self::default()
        }
    }

    /// What exists in the warehouse.
    pub fn existing(relation: &crate::adapter::Relation) -> Self {
        let kind = match relation.kind {
            RelationKind::Table => "table",
            RelationKind::View => "view",
            RelationKind::Cte => "cte",
            RelationKind::MaterializedView => "materialized_view",
            RelationKind::External => "external",
        };
        Self {
            kind: Some(Arc::from(kind)),
            detail: Some(Arc::from(relation.detail.to_uppercase())),
            ..Self::from_name(&relation.name)
        }
    }

    /// A name with all parts quoted.
    pub fn from_name(name: &RelationName) -> Self {
        Self::new(Some(&name.database), &name.schema, &name.identifier, PartFlags::default())
    }

    /// The typed name, with `""` for what is missing.
    pub fn name(&self) -> RelationName {
        let [database, schema, identifier] = self.parts.clone().map(|part| part.as_deref().unwrap_or("").to_owned());
        RelationName { database, schema, identifier }
    }

    /// The database, schema or identifier.
    pub fn part(&self, index: usize) -> Option<&str> {
        self.parts[index].as_deref()
    }

    /// The name as SQL spells it, without row filters.
    pub fn render(&self) -> String {
        self.spelled("\"", self.include)
    }

    /// The name with another sign around its quoted parts, of the parts that are wanted.
    fn spelled(&self, quote: &str, include: PartFlags) -> String {
        let mut text = String::new();
        for (index, part) in self.parts.iter().enumerate() {
            let Some(part) = part.as_deref().filter(|_| include.0[index]) else { continue };
            if !text.is_empty() {
                text.push('.');
            }
            let quote = if self.quote.0[index] { quote } else { "" };
            text.push_str(quote);
            text.push_str(part);
            text.push_str(quote);
        }
        text
    }

    fn filtered(&self) -> String {
        let name = self.render();
        match &self.filter {
            RowFilter::All => name,
            RowFilter::Empty => format!("(select * from {name} where false limit 0)"),
            RowFilter::EventTime { condition, is_empty: false } => format!("(select * from {name} where {condition})"),
            RowFilter::EventTime { condition, is_empty: true } => {
                format!("(select * from (select * from {name} where false limit 0) where {condition})")
            }
        }
    }

    fn part_index(name: &str) -> Option<usize> {
        match name {
            "database" => Some(0),
            "schema" => Some(1),
            "identifier" | "table" | "name" => Some(2),
            _ => None,
        }
    }

    fn flags_dict(flags: PartFlags) -> Value {
        Value::dict(PARTS.iter().zip(flags.0).map(|(part, flag)| (*part, flag)))
    }

    fn with_flags(flags: PartFlags, args: CallArgs, function: &str) -> Result<PartFlags> {
        let values = args.bind(function, PARTS, 0)?;
        let mut flags = flags;
        for (index, value) in values.into_iter().enumerate() {
            if let Some(value) = value.filter(|value| !value.is_none()) {
                flags.0[index] = value.is_true();
            }
        }
        Ok(flags)
    }

    fn matches(&self, args: CallArgs) -> Result<Value> {
        let values = args.bind("matches", PARTS, 0)?;
        let mut same = true;
        for (index, value) in values.iter().enumerate() {
            let Some(wanted) = value.as_ref().and_then(Value::as_str) else { continue };
            let mine = self.parts[index].as_deref().unwrap_or("");
            same &= mine.eq_ignore_ascii_case(wanted);
        }
        Ok(Value::Bool(same))
    }

    fn incorporate(&self, mut args: CallArgs) -> Result<Value> {
        let mut relation = self.clone();
        if let Some(path) = args.take_keyword("path").or_else(|| args.positional.first().cloned()) {
            relation.replace_parts(&path);
        }
        if let Some(kind) = args.take_keyword("type") {
            relation.kind = kind_of(kind)?;
        }
        if let Some(part) = args.take_keyword("s3_path_table_part") {
            relation.s3_path_table_part = part.as_str().map(Arc::from);
        }
        if let Some(policy) = args.take_keyword("quote_policy") {
            relation.quote = policy_flags(relation.quote, &policy);
        }
        if let Some(policy) = args.take_keyword("include_policy") {
            relation.include = policy_flags(relation.include, &policy);
        }
        Ok(relation.into())
    }

    fn replace_parts(&mut self, path: &Value) {
        let Some(path) = path.as_dict() else { return };
        for (index, part) in PARTS.iter().enumerate() {
            if let Some(value) = path.get(part) {
                self.parts[index] = value.as_str().map(Arc::from);
            }
        }
    }

    fn replace_path(&self, args: CallArgs) -> Result<Value> {
        let values = args.bind("replace_path", PARTS, 0)?;
        let mut relation = self.clone();
        for (index, value) in values.into_iter().enumerate() {
            if let Some(value) = value {
                relation.parts[index] = value.as_str().map(Arc::from);
            }
        }
        Ok(relation.into())
    }

    fn is_kind(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }
}

fn policy_flags(flags: PartFlags, policy: &Value) -> PartFlags {
    let mut flags = flags;
    let get = |part: &str| match policy {
        Value::Dict(dict) => dict.get(part),
        _ => None,
    };
    for (index, part) in PARTS.iter().enumerate() {
        if let Some(value) = get(part).filter(|value| !value.is_none()) {
            flags.0[index] = value.is_true();
        }
    }
    flags
}

impl From<Relation> for Value {
    fn from(relation: Relation) -> Self {
        Value::object(relation)
    }
}

fn text(part: Option<&Arc<str>>) -> Value {
    part.map_or(Value::None, |part| Value::Str(Arc::clone(part)))
}

impl Object for Relation {
    fn type_name(&self) -> &str {
        "Relation"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        if let Some(index) = Self::part_index(name) {
            return Some(text(self.parts[index].as_ref()));
        }
        Some(match name {
            "type" => text(self.kind.as_ref()),
            "s3_path_table_part" => text(self.s3_path_table_part.as_ref()),
            "detailed_table_type" => text(self.detail.as_ref()),
            "is_table" => self.is_kind("table").into(),
            "is_view" => self.is_kind("view").into(),
            "is_cte" => self.is_kind("cte").into(),
            "is_materialized_view" => self.is_kind("materialized_view").into(),
            "is_external" => self.is_kind("external").into(),
            "is_function" => self.is_kind("function").into(),
            "is_pointer" | "dbt_created" | "require_alias" | "can_be_renamed" | "can_be_replaced" => false.into(),
            "quote_policy" => Self::flags_dict(self.quote),
            "include_policy" => Self::flags_dict(self.include),
            "path" => Value::dict(PARTS.iter().zip(&self.parts).map(|(part, value)| (*part, text(value.as_ref())))),
            "quote_character" => "\"".into(),
            "limit" => matches!(self.filter, RowFilter::Empty | RowFilter::EventTime { is_empty: true, .. })
                .then_some(0_i64)
                .into(),
            "event_time_filter" | "catalog" => Value::None,
            // Packages tell a relation from other mappings by this.
            "metadata" => Value::dict([("type", "AthenaRelation")]),
            "Table" => "table".into(),
            "View" => "view".into(),
            "CTE" => "cte".into(),
            "External" => "external".into(),
            "MaterializedView" => "materialized_view".into(),
            _ => return None,
        })
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn iter(&self) -> Option<ValueIter> {
        Some(Box::new(KEYS.into_iter().map(|key| Ok(key.into()))))
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(
            name,
            "render"
                | "render_hive"
                | "render_pure"
                | "include"
                | "quote"
                | "without_identifier"
                | "incorporate"
                | "replace_path"
                | "information_schema"
                | "information_schema_only"
                | "matches"
                | "get"
                | "to_dict"
                | "render_limited"
                | "create"
        )
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        Ok(match name {
            "render" => self.render().into(),
            // Hive's DDL quotes with backticks and knows no catalogs; OPTIMIZE and VACUUM know no quotes at all.
            "render_hive" => self.spelled("`", PartFlags([false, true, true])).into(),
            "render_pure" => self.spelled("", self.include).into(),
            "render_limited" => self.filtered().into(),
            "include" => Self { include: Self::with_flags(self.include, args, "include")?, ..self.clone() }.into(),
            "quote" => Self { quote: Self::with_flags(self.quote, args, "quote")?, ..self.clone() }.into(),
            "without_identifier" => {
                let mut relation = self.clone();
                relation.include.0[2] = false;
                relation.parts[2] = None;
                relation.into()
            }
            "incorporate" => self.incorporate(args)?,
            "replace_path" => self.replace_path(args)?,
            "matches" => self.matches(args)?,
            "information_schema" | "information_schema_only" => {
                let [view] = args.bind("information_schema", ["view_name"], 0)?;
                let mut relation = self.clone();
                relation.filter = RowFilter::All;
                relation.parts[1] = Some(Arc::from("INFORMATION_SCHEMA"));
                relation.quote.0[1] = false;
                relation.quote.0[2] = false;
                let view = view.filter(|view| !view.is_none());
                relation.include.0[2] = view.is_some();
                relation.parts[2] = view.map(|view| Arc::from(view.to_string()));
                relation.into()
            }
            "get" => {
                let [key, default] = args.bind("get", ["key", "default"], 1)?;
                let key = key.unwrap_or(Value::None);
                let found = key.as_str().and_then(|key| self.get_attr(key));
                found.or(default).unwrap_or(Value::None)
            }
            "to_dict" => Value::from(self.to_json().unwrap_or_default()),
            "create" => create(args, PartFlags::default())?,
            _ => match self.get_attr(name) {
                Some(value) => state.call(&value, args)?,
                None => return state.call_missing("Relation", name),
            },
        })
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        self.get_attr(key.as_str()?)
    }

    fn str(&self) -> String {
        self.filtered()
    }

    fn repr(&self) -> String {
        format!("<AthenaRelation {}>", self.filtered())
    }

    fn is_true(&self) -> bool {
        true
    }

    fn eq(&self, other: &Value) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| {
            self.kind == other.kind
                && self.parts == other.parts
                && self.include == other.include
                && self.quote == other.quote
        })
    }

    fn hash(&self) -> Option<u64> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (&self.parts, &self.kind, self.include, self.quote).hash(&mut hasher);
        Some(hasher.finish())
    }

    fn is_sequence(&self) -> bool {
        false
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        let [database, schema, identifier] = &self.parts;
        Some(serde_json::json!({
            "path": {"database": database, "schema": schema, "identifier": identifier},
            "type": self.kind,
        }))
    }
}

/// What a relation is, as templates say it.
fn kind_of(value: Value) -> Result<Option<Arc<str>>> {
    const KINDS: [&str; 8] =
        ["table", "view", "cte", "materialized_view", "ephemeral", "external", "pointer_table", "function"];
    if value.is_none() || value.is_undefined() {
        return Ok(None);
    }
    match value.as_str() {
        Some(kind) if KINDS.contains(&kind) => Ok(Some(Arc::from(kind))),
        _ => Err(Error::type_error(format!("a relation's type is one of {}, not {}", KINDS.join(", "), value.repr()))),
    }
}

/// `api.Relation.create(…)`.
pub(crate) fn create(mut args: CallArgs, quote: PartFlags) -> Result<Value> {
    let mut relation = Relation { quote, ..Relation::default() };
    let in_order = [PARTS[0], PARTS[1], PARTS[2], "type"];
    if args.positional.len() > in_order.len() {
        let given = args.positional.len() + 1;
        return Err(Error::type_error(format!(
            "create() takes from 1 to 5 positional arguments but {given} were given"
        )));
    }
    for (name, value) in in_order.into_iter().zip(std::mem::take(&mut args.positional)) {
        if args.take_keyword(name).is_some() {
            return Err(Error::type_error(format!("create() got multiple values for argument '{name}'")));
        }
        args.keyword.push((name.into(), value));
    }
    for (index, part) in PARTS.iter().enumerate() {
        if let Some(value) = args.take_keyword(part) {
            relation.parts[index] = value.as_str().map(Arc::from);
        }
    }
    relation.kind = args.take_keyword("type").map(kind_of).transpose()?.flatten();
    relation.detail = args.take_keyword("detailed_table_type").and_then(|kind| kind.as_str().map(Arc::from));
    relation.s3_path_table_part = args.take_keyword("s3_path_table_part").and_then(|part| part.as_str().map(Arc::from));
    if let Some(policy) = args.take_keyword("quote_policy") {
        relation.quote = policy_flags(relation.quote, &policy);
    }
    if let Some(policy) = args.take_keyword("include_policy") {
        relation.include = policy_flags(relation.include, &policy);
    }
    Ok(relation.into())
}

/// `api.Relation`, the class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RelationClass {
    pub quote: PartFlags,
}

impl Object for RelationClass {
    fn type_name(&self) -> &str {
        "type"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Table" => "table".into(),
            "View" => "view".into(),
            "CTE" => "cte".into(),
            "External" => "external".into(),
            "MaterializedView" => "materialized_view".into(),
            _ => return None,
        })
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "create" | "get_default_quote_policy" | "get_default_include_policy" | "scd_args")
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        match name {
            "create" => create(args, self.quote),
            "get_default_quote_policy" | "get_default_include_policy" => Ok(Relation::flags_dict(PartFlags::default())),
            "scd_args" => {
                let [key, updated_at] = args.bind("scd_args", ["primary_key", "updated_at"], 2)?;
                let (key, updated_at) = (key.unwrap_or(Value::None), updated_at.unwrap_or(Value::None));
                let mut columns = match &key {
                    Value::Str(_) => vec![key],
                    other => other.items()?,
                };
                columns.push(updated_at);
                Ok(Value::list(columns))
            }
            _ => state.call_missing("type Relation", name),
        }
    }

    fn repr(&self) -> String {
        "<class 'Relation'>".to_owned()
    }
}
