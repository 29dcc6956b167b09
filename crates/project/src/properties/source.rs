//! `sources:` and their tables.

use serde_json::{Map as JsonMap, Value as Json};

use super::columns::{ColumnProperties, take_columns};
use super::tests::{TestDefinition, take_tests};
use super::types;
use crate::aliases;
use crate::config::Config;
use crate::fields::Fields;
use crate::render::RenderYaml;
use crate::yaml::{Map, Node, Position, Value};

/// A key that may be absent, cleared with an explicit null, or set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setting<T> {
    /// Not written: what is above counts.
    #[default]
    Absent,
    /// `key: null`.
    Clear,
    /// A value.
    Set(T),
}

impl<T: Clone> Setting<T> {
    /// This one over another that lies below it.
    #[must_use]
    pub fn over(&self, below: Option<T>) -> Option<T> {
        match self {
            Self::Absent => below,
            Self::Clear => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}

/// Which parts of a relation's name are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quoting {
    /// The database.
    pub database: Option<bool>,
    /// The schema.
    pub schema: Option<bool>,
    /// The table.
    pub identifier: Option<bool>,
    /// Column names.
    pub column: Option<bool>,
}

/// `minute`, `hour`, `day`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FreshnessPeriod {
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
}

impl FreshnessPeriod {
    /// dbt's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Its length.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }
}

/// `{count: 12, period: hour}`; either may be left to what lies below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FreshnessTime {
    /// How many periods.
    pub count: Option<i64>,
    /// Of what length.
    pub period: Option<FreshnessPeriod>,
}

/// `freshness:`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Freshness {
    /// Older than this warns.
    pub warn_after: Setting<FreshnessTime>,
    /// Older than this fails.
    pub error_after: Setting<FreshnessTime>,
    /// A condition on the rows looked at.
    pub filter: Option<String>,
}

impl Freshness {
    /// This one, with what it does not say taken from `below`. A limit of which a part is missing is none, a null takes the one below away.
    ///
    /// Source: dbt Core 1.12, `merge_source_freshness`.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        let time = |above: Setting<FreshnessTime>, below: Setting<FreshnessTime>| match above {
            Setting::Set(FreshnessTime { count: Some(_), period: Some(_) }) | Setting::Clear => above,
            Setting::Set(_) | Setting::Absent => below,
        };
        Self {
            warn_after: time(self.warn_after, below.warn_after),
            error_after: time(self.error_after, below.error_after),
            filter: self.filter.clone().or_else(|| below.filter.clone()),
        }
    }
}

/// An entry of `sources:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceProperties {
    /// Where the entry starts.
    pub position: Position,
    /// The source's name.
    pub name: String,
    /// Unrendered.
    pub description: String,
    /// The catalog, if not the target's.
    pub database: Option<String>,
    /// The schema, if not the source's name.
    pub schema: Option<String>,
    /// `database` as it is written.
    pub unrendered_database: Option<String>,
    /// `schema` as it is written.
    pub unrendered_schema: Option<String>,
    /// Who loads it.
    pub loader: String,
    /// The column that tells the age of the data.
    pub loaded_at_field: Setting<String>,
    /// A query that tells it instead; unrendered.
    pub loaded_at_query: Setting<String>,
    /// How old the data may be.
    pub freshness: Setting<Freshness>,
    /// Quoting of the tables' names.
    pub quoting: Quoting,
    /// `meta` of the source.
    pub meta: JsonMap<String, Json>,
    /// `tags` of the source.
    pub tags: Vec<String>,
    /// `config:`, rendered.
    pub config: Config,
    /// The same before rendering.
    pub unrendered_config: Config,
    /// The tables.
    pub tables: Vec<TableProperties>,
    /// The package whose source of this name is patched (deprecated).
    pub overrides: Option<String>,
    /// Every other key.
    pub extra: JsonMap<String, Json>,
}

/// An entry of `tables:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableProperties {
    /// Where the entry starts.
    pub position: Position,
    /// The table's name in dbt.
    pub name: String,
    /// The table's name in the database, if another.
    pub identifier: Option<String>,
    /// Unrendered.
    pub description: String,
    /// As on the source.
    pub loaded_at_field: Setting<String>,
    /// As on the source.
    pub loaded_at_query: Setting<String>,
    /// As on the source.
    pub freshness: Setting<Freshness>,
    /// As on the source.
    pub quoting: Quoting,
    /// `external:` with all its keys, for packages that create external tables.
    pub external: Option<JsonMap<String, Json>>,
    /// The columns.
    pub columns: Vec<ColumnProperties>,
    /// Tests of the table as a whole.
    pub data_tests: Vec<TestDefinition>,
    /// `meta` of the table.
    pub meta: JsonMap<String, Json>,
    /// `tags` of the table.
    pub tags: Vec<String>,
    /// `config:`, rendered.
    pub config: Config,
    /// The same before rendering.
    pub unrendered_config: Config,
    /// Every other key.
    pub extra: JsonMap<String, Json>,
}

impl SourceProperties {
    /// The freshness of one table: source, source config, table, table config, the later over the earlier per field.
    pub fn freshness_of(&self, table: &TableProperties) -> Option<Freshness> {
        [&self.freshness, &config_freshness(&self.config), &table.freshness, &config_freshness(&table.config)]
            .into_iter()
            .fold(None, |below: Option<Freshness>, setting| match setting {
                Setting::Absent => below,
                Setting::Clear => None,
                Setting::Set(above) => Some(below.map_or_else(|| above.clone(), |below| above.over(&below))),
            })
    }
}

fn config_freshness(config: &Config) -> Setting<Freshness> {
    match config.get("freshness") {
        None => Setting::Absent,
        Some(Json::Object(object)) => {
            let time = |key: &str| match object.get(key) {
                None => Setting::Absent,
                Some(Json::Object(time)) => Setting::Set(FreshnessTime {
                    count: time.get("count").and_then(Json::as_i64),
                    period: time.get("period").and_then(Json::as_str).and_then(period),
                }),
                Some(_) => Setting::Clear,
            };
            Setting::Set(Freshness {
                warn_after: time("warn_after"),
                error_after: time("error_after"),
                filter: object.get("filter").and_then(Json::as_str).map(str::to_owned),
            })
        }
        Some(_) => Setting::Clear,
    }
}

fn period(text: &str) -> Option<FreshnessPeriod> {
    match text {
        "minute" => Some(FreshnessPeriod::Minute),
        "hour" => Some(FreshnessPeriod::Hour),
        "day" => Some(FreshnessPeriod::Day),
        _ => None,
    }
}

pub(super) fn read_source(
    entry: &Node,
    unrendered: &Node,
    fields: &mut Fields<'_>,
    renderer: &dyn RenderYaml,
) -> Option<SourceProperties> {
    let entry = &aliases::translated(entry, fields);
    let mut source = fields.nested(entry, "an entry of sources")?;
    let name = source.name("sources")?;
    source.of = format!("source '{name}'");
    // dbt takes `tables:` with nothing behind it for no tables.
    if source.peek("tables").is_some_and(|tables| tables.value.is_null()) {
        source.take("tables");
    }
    types::check(&mut source, types::SOURCE);
    check_config_freshness(&mut source);
    let raw_tables = below(unrendered, "tables").and_then(Value::as_seq).unwrap_or_default();
    let tables = source.list("tables");
    let tables = tables
        .iter()
        .enumerate()
        .filter_map(|(index, table)| read_table(table, raw_tables.get(index).unwrap_or(table), &mut source, renderer))
        .collect();
    let (loaded_at_field, loaded_at_query) = take_loaded_at(&mut source);
    let read = SourceProperties {
        position: entry.position,
        description: source.text("description").unwrap_or_default(),
        database: source.text("database"),
        schema: source.text("schema"),
        loader: source.text("loader").unwrap_or_default(),
        loaded_at_field,
        loaded_at_query,
        freshness: take_freshness(&mut source),
        quoting: take_quoting(&mut source),
        meta: source.json("meta"),
        tags: source.texts("tags"),
        config: source.json("config"),
        unrendered_config: below(unrendered, "config").and_then(Value::as_map).map(Map::to_json).unwrap_or_default(),
        tables,
        unrendered_database: name_as_written(unrendered, "database"),
        unrendered_schema: name_as_written(unrendered, "schema"),
        overrides: source.text("overrides"),
        extra: JsonMap::new(),
        name,
    };
    source.check_config_of(entry);
    source.refuse_rest("sources", SOURCE_KEYS);
    Some(SourceProperties { extra: source.extra(), ..read })
}

/// Keys of a source; dbt refuses any other.
const SOURCE_KEYS: &[&str] = &[
    "name",
    "description",
    "database",
    "schema",
    "loader",
    "loaded_at_field",
    "loaded_at_query",
    "freshness",
    "quoting",
    "meta",
    "tags",
    "config",
    "tables",
    "overrides",
];

/// Keys of a table of a source.
const TABLE_KEYS: &[&str] = &[
    "name",
    "description",
    "identifier",
    "loaded_at_field",
    "loaded_at_query",
    "freshness",
    "quoting",
    "external",
    "columns",
    "data_tests",
    "tests",
    "meta",
    "tags",
    "config",
    "data_type",
    "constraints",
    "docs",
    "loader",
];

/// Keys of a table of a source that overrides another; dbt refuses any other.
const TABLE_PATCH_KEYS: &[&str] = &[
    "name",
    "description",
    "meta",
    "data_type",
    "docs",
    "loaded_at_field",
    "loaded_at_query",
    "identifier",
    "quoting",
    "freshness",
    "external",
    "tags",
    "data_tests",
    "tests",
    "columns",
];

fn below<'a>(node: &'a Node, key: &str) -> Option<&'a Value> {
    node.value.as_map()?.get(key).map(|node| &node.value)
}

fn read_table(
    entry: &Node,
    unrendered: &Node,
    source: &mut Fields<'_>,
    renderer: &dyn RenderYaml,
) -> Option<TableProperties> {
    let of = source.of.clone();
    let overrides = source.was_there("overrides");
    let mut table = source.nested(entry, format!("a table of {of}"))?;
    let name = table.name("tables")?;
    table.of = format!("table '{name}' of {of}");
    types::check(&mut table, types::TABLE);
    check_config_freshness(&mut table);
    let (loaded_at_field, loaded_at_query) = take_loaded_at(&mut table);
    let external = table.take_some("external");
    let external = match external {
        Some(node) if node.value.as_map().is_none() => {
            table.wrong("external", "a mapping", &node);
            None
        }
        other => other.and_then(|node| node.value.as_map().map(Map::to_json)),
    };
    let read = TableProperties {
        position: entry.position,
        identifier: table.text("identifier"),
        description: table.text("description").unwrap_or_default(),
        loaded_at_field,
        loaded_at_query,
        freshness: take_freshness(&mut table),
        quoting: take_quoting(&mut table),
        external,
        columns: take_columns(&mut table, renderer),
        data_tests: take_tests(&mut table, renderer),
        meta: table.json("meta"),
        tags: table.texts("tags"),
        config: table.json("config"),
        unrendered_config: below(unrendered, "config").and_then(Value::as_map).map(Map::to_json).unwrap_or_default(),
        extra: JsonMap::new(),
        name,
    };
    table.check_config_of(entry);
    match overrides {
        true => {
            // Known, and without effect.
            for key in ["data_type", "docs"] {
                table.take(key);
            }
            table.refuse_rest("sources", TABLE_PATCH_KEYS);
        }
        false => table.report_slips(TABLE_KEYS),
    }
    Some(TableProperties { extra: table.extra(), ..read })
}

fn take_loaded_at(fields: &mut Fields<'_>) -> (Setting<String>, Setting<String>) {
    let position = fields.peek("loaded_at_field").map(|node| node.position).unwrap_or_default();
    let field = take_text_setting(fields, "loaded_at_field");
    let query = take_text_setting(fields, "loaded_at_query");
    if matches!((&field, &query), (Setting::Set(_), Setting::Set(_))) {
        let what = format!(
            "Parsing Error\n  Cannot specify both loaded_at_field and loaded_at_query at {} level: {}",
            if fields.of.starts_with("table") { "table" } else { "source" },
            fields.of
        );
        fields.report(position, what, None, "keep one of them");
    }
    if matches!(&field, Setting::Set(text) if text.is_empty()) {
        let what = format!("Parsing Error\n  loaded_at_field cannot be an empty string: {}", fields.of);
        fields.report(position, what, None, "name a column, or write `loaded_at_field: null`");
    }
    (field, query)
}

fn take_text_setting(fields: &mut Fields<'_>, key: &str) -> Setting<String> {
    match fields.take(key) {
        None => Setting::Absent,
        Some(node) if node.value.is_null() => Setting::Clear,
        Some(node) => match node.value.scalar_text() {
            Some(text) => Setting::Set(text),
            None => {
                fields.wrong(key, "a string", &node);
                Setting::Absent
            }
        },
    }
}

/// A name before rendering; an empty one is none.
fn name_as_written(unrendered: &Node, key: &str) -> Option<String> {
    let written = below(unrendered, key).filter(|value| !value.is_null()).and_then(Value::scalar_text);
    written.filter(|name| !name.is_empty())
}

fn take_quoting(fields: &mut Fields<'_>) -> Quoting {
    let Some(node) = fields.take_some("quoting") else { return Quoting::default() };
    let of = format!("quoting of {}", fields.of);
    let Some(mut quoting) = fields.nested(&node, of) else { return Quoting::default() };
    types::check(&mut quoting, types::QUOTING);
    let read = Quoting {
        database: quoting.bool("database"),
        schema: quoting.bool("schema"),
        identifier: quoting.bool("identifier"),
        column: quoting.bool("column"),
    };
    quoting.refuse_rest("sources", &["database", "schema", "identifier", "column"]);
    read
}

/// Says what is wrong with the freshness below `config:`.
fn check_config_freshness(fields: &mut Fields<'_>) {
    let Some(node) = fields.peek("config").cloned() else { return };
    let of = fields.of.clone();
    if let Some(mut config) = fields.nested(&node, of) {
        read_freshness(&mut config, |rest, known| rest.report_slips(known));
    }
}

fn take_freshness(fields: &mut Fields<'_>) -> Setting<Freshness> {
    read_freshness(fields, |rest, known| rest.refuse_rest("sources", known))
}

/// `tell` says what of keys that nobody knows: below `config:` dbt passes them over.
fn read_freshness(fields: &mut Fields<'_>, tell: fn(&mut Fields<'_>, &[&'static str])) -> Setting<Freshness> {
    let Some(node) = fields.take("freshness") else { return Setting::Absent };
    if node.value.is_null() {
        return Setting::Clear;
    }
    let of = format!("freshness of {}", fields.of);
    let Some(mut freshness) = fields.nested(&node, of) else { return Setting::Absent };
    let read = Freshness {
        warn_after: read_time(&mut freshness, "warn_after", tell),
        error_after: read_time(&mut freshness, "error_after", tell),
        filter: freshness.text("filter"),
    };
    tell(&mut freshness, &["warn_after", "error_after", "filter"]);
    Setting::Set(read)
}

fn read_time(fields: &mut Fields<'_>, key: &str, tell: fn(&mut Fields<'_>, &[&'static str])) -> Setting<FreshnessTime> {
    let Some(node) = fields.take(key) else { return Setting::Absent };
    if node.value.is_null() {
        return Setting::Clear;
    }
    let of = format!("{key} in {}", fields.of);
    let Some(mut time) = fields.nested(&node, of) else { return Setting::Absent };
    let count = time.int("count");
    let written = time.take_some("period");
    let period = match &written {
        None => None,
        Some(node) => {
            let known = node.value.as_str().and_then(period);
            if known.is_none() {
                time.wrong("period", "one of minute, hour, day", node);
            }
            known
        }
    };
    tell(&mut time, &["count", "period"]);
    Setting::Set(FreshnessTime { count, period })
}
