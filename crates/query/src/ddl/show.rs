//! `SHOW`, `DESCRIBE`. Source of all layouts: measurements in spec/athena.md §2.3.

use athena_api::glue::{self, PageRequest, PartitionFilter, Table, all_partitions, all_tables};
use athena_sql::{Show, TableName};

use super::table::not_found;
use crate::{
    engine::Work,
    error::QueryError,
    output::{Column, QueryOutput},
    tables::{from_api, from_lake},
    types::VARCHAR,
    view,
};

fn strings(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::string(name)).collect()
}

fn padded(text: &str) -> String {
    format!("{text:<20}")
}

/// A table or view that must be there.
async fn found(work: &Work<'_>, name: &TableName) -> Result<Table, QueryError> {
    let key = work.key(name);
    let table = work.resolver.glue_table(&key.database, &key.table).await?;
    table.ok_or_else(|| not_found(&key.database, &key.table))
}

pub(super) async fn run(work: &Work<'_>, show: &Show) -> Result<QueryOutput, QueryError> {
    match show {
        Show::Databases { pattern } => {
            let mut names = Vec::new();
            let mut page = PageRequest::default();
            loop {
                let answer = work.resolver.glue.get_databases(None, page).await.map_err(|error| from_api(&error))?;
                names.extend(answer.items.into_iter().map(|database| database.name));
                match answer.next_token {
                    Some(token) => page = PageRequest { next_token: Some(token), max_results: None },
                    None => break,
                }
            }
            if let Some(pattern) = pattern.as_ref().filter(|pattern| *pattern != "*") {
                let regex = whole(pattern)?;
                names.retain(|name| regex.is_match(name));
            }
            Ok(QueryOutput::lines(strings(&["database_name"]), names))
        }
        Show::Tables { database, pattern } => {
            let names = tables(work, database.as_ref(), pattern.as_ref(), |_| true).await?;
            Ok(QueryOutput::lines(strings(&["tab_name"]), names))
        }
        Show::Views { database, pattern } => {
            let names = tables(work, database.as_ref(), pattern.as_ref(), Table::is_view).await?;
            Ok(QueryOutput::lines(vec![Column::of("views", &VARCHAR)], names))
        }
        Show::Columns(name) => {
            let table = found(work, name).await?;
            if table.is_view() {
                return describe(work, name, &[]).await;
            }
            let iceberg = table.is_iceberg();
            let columns = table.columns().chain(table.partition_keys());
            let lines = columns.map(|column| if iceberg { column.name.clone() } else { padded(&column.name) });
            let lines = lines.collect();
            Ok(QueryOutput::lines(strings(&["field"]), lines))
        }
        Show::Partitions(name) => {
            let table = found(work, name).await?;
            if table.is_iceberg() {
                return Err(QueryError::not_for_iceberg());
            }
            if table.partition_keys().is_empty() {
                return Err(QueryError::hive_ddl(format!(
                    "SemanticException Table {}.{} is not a partitioned table",
                    table.database_name,
                    table.name()
                )));
            }
            let filter = PartitionFilter::default();
            let all = all_partitions(work.resolver.glue.as_ref(), None, &table.database_name, table.name(), &filter);
            let all = all.await.map_err(|error| from_api(&error))?;
            let keys: Vec<&str> = table.partition_keys().iter().map(|key| key.name.as_str()).collect();
            let mut lines: Vec<String> = all
                .iter()
                .map(|partition| {
                    let values: Vec<Option<String>> = partition.input.values.iter().cloned().map(Some).collect();
                    lake::hive::partition_path(keys.iter().copied(), &values).trim_end_matches('/').to_owned()
                })
                .collect();
            lines.sort();
            Ok(QueryOutput::lines(strings(&["partition"]), lines))
        }
        Show::TableProperties { table, key } => {
            let table = found(work, table).await?;
            let parameters = table.input.parameters.clone().unwrap_or_default();
            let lines = match key {
                None => parameters.iter().map(|(key, value)| format!("{key}\t{value}")).collect(),
                Some(key) => match parameters.get(key) {
                    Some(value) => vec![format!("{key}\t{value}")],
                    None => {
                        vec![format!("Table {}.{} does not have property: {key}", table.database_name, table.name())]
                    }
                },
            };
            Ok(QueryOutput::lines(strings(&["prpt_name", "prpt_value"]), lines))
        }
        Show::CreateTable(name) => {
            let table = found(work, name).await?;
            let text = if table.is_iceberg() { iceberg_statement(work, &table).await? } else { hive_statement(&table) };
            Ok(QueryOutput::lines(strings(&["createtab_stmt"]), text.split('\n').map(str::to_owned).collect()))
        }
        Show::CreateView(name) => {
            let table = found(work, name).await?;
            let Some(view) = view::definition(&table) else {
                return Err(QueryError::not_supported(format!("Relation '{name}' is not a view")));
            };
            let mut text = format!("CREATE VIEW {}.{}", table.database_name, table.name());
            if let Some(comment) = &view.comment {
                text.push_str(&format!(" COMMENT '{}'", comment.replace('\'', "''")));
            }
            if view.run_as_invoker == Some(true) {
                text.push_str(" SECURITY INVOKER");
            }
            text.push_str(&format!(" AS\n{}", view.original_sql));
            let lines = text.split('\n').map(str::to_owned).collect();
            Ok(QueryOutput::lines(vec![Column::of("create view", &VARCHAR)], lines))
        }
        Show::Functions { pattern } => {
            let like = |name: &str| match pattern {
                None => Ok(true),
                Some(pattern) => {
                    let row = [crate::value::Value::Str(name.to_owned()), crate::value::Value::Str(pattern.clone())];
                    crate::functions::like(&row)
                }
            };
            let mut rows = Vec::new();
            for name in crate::functions::NAMES {
                if like(name)? {
                    rows.push(vec![Some((*name).to_owned())]);
                }
            }
            let output = QueryOutput::lines(vec![Column::of("Function", &VARCHAR)], Vec::new());
            Ok(QueryOutput { rows: Box::pin(futures::stream::iter([Ok(rows)])), ..output })
        }
    }
}

/// A Java regular expression over a whole name.
fn whole(pattern: &str) -> Result<regex::Regex, QueryError> {
    regex::Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|error| QueryError::hive_ddl(format!("java.util.regex.PatternSyntaxException {error}")))
}

async fn tables(
    work: &Work<'_>,
    database: Option<&String>,
    pattern: Option<&String>,
    keeps: impl Fn(&Table) -> bool,
) -> Result<Vec<String>, QueryError> {
    let database = database.cloned().unwrap_or_else(|| work.context.database());
    let all = match all_tables(work.resolver.glue.as_ref(), None, &database).await {
        Err(error) if error.is_not_found() => {
            return Err(QueryError::hive_ddl(format!(
                "SemanticException [Error 10072]: Database does not exist: {database}"
            )));
        }
        other => other.map_err(|error| from_api(&error))?,
    };
    let mut names: Vec<String> = all.iter().filter(|table| keeps(table)).map(|table| table.name().to_owned()).collect();
    if let Some(pattern) = pattern {
        // `*` is any text, and so is `.*`.
        let regex = whole(&pattern.replace(".*", "*").replace('*', ".*"))?;
        names.retain(|name| regex.is_match(name));
    }
    names.sort();
    Ok(names)
}

pub(super) async fn describe(work: &Work<'_>, name: &TableName, column: &[String]) -> Result<QueryOutput, QueryError> {
    let table = found(work, name).await?;
    if table.is_view() {
        let columns = vec![Column::of("column", &VARCHAR), Column::of("type", &VARCHAR)];
        let view = view::definition(&table).map(|view| view.columns).unwrap_or_default();
        let lines = view.iter().map(|column| format!("{}\t{}", column.name, column.r#type)).collect();
        return Ok(QueryOutput::lines(columns, lines));
    }
    let columns = strings(&["col_name", "data_type", "comment"]);
    if table.is_iceberg() {
        let mut lines = vec!["# Table schema:\t\t".to_owned(), "# col_name\tdata_type\tcomment".to_owned()];
        for column in table.columns() {
            let ty = column.type_text().replace(',', ", ").replace(':', ": ");
            lines.push(format!("{}\t{ty}\t{}", column.name, column.comment.as_deref().unwrap_or_default()));
        }
        lines
            .extend(["\t\t", "# Partition spec:\t\t", "# field_name\tfield_transform\tcolumn_name"].map(str::to_owned));
        let loaded = work.resolver.iceberg.load(table).await.map_err(from_lake)?;
        let metadata = loaded.metadata();
        for field in metadata.default_partition_spec().fields() {
            let source = metadata.current_schema().field_by_id(field.source_id);
            let source = source.map(|field| field.name.clone()).unwrap_or_default();
            lines.push(format!("{}\t{}\t{source}", field.name, field.transform));
        }
        return Ok(QueryOutput::lines(columns, lines));
    }
    let line = |column: &glue::Column| {
        format!(
            "{}\t{}\t{}",
            padded(&column.name),
            padded(column.type_text()),
            padded(column.comment.as_deref().unwrap_or_default())
        )
    };
    let all = || table.columns().chain(table.partition_keys());
    if let Some(wanted) = column.first() {
        let lines: Vec<String> = all().filter(|column| column.name.eq_ignore_ascii_case(wanted)).map(line).collect();
        if lines.is_empty() {
            return Err(QueryError::hive_ddl(format!(
                "SemanticException [Error 10002]: Invalid column reference {wanted}"
            )));
        }
        return Ok(QueryOutput::lines(columns, lines));
    }
    let mut lines: Vec<String> = all().map(line).collect();
    if !table.partition_keys().is_empty() {
        lines.push("\t \t ".to_owned());
        lines.push("# Partition Information\t \t ".to_owned());
        lines.push(format!("# {}\t{}\t{}", padded("col_name"), padded("data_type"), padded("comment")));
        lines.push("\t \t ".to_owned());
        lines.extend(table.partition_keys().iter().map(line));
    }
    Ok(QueryOutput::lines(columns, lines))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\t', "\\t"))
}

fn columns_text(columns: &[glue::Column]) -> String {
    let lines: Vec<String> = columns
        .iter()
        .map(|column| {
            let comment = column.comment.as_ref().filter(|comment| !comment.is_empty());
            let comment = comment.map(|comment| format!(" COMMENT {}", quoted(comment))).unwrap_or_default();
            format!("  `{}` {}{comment}", column.name, column.type_text())
        })
        .collect();
    lines.join(", \n")
}

/// Hive's text, with its blanks at the ends of lines.
fn hive_statement(table: &Table) -> String {
    let storage = table.input.storage_descriptor.clone().unwrap_or_default();
    let own: Vec<glue::Column> = table.columns().cloned().collect();
    let mut text = format!("CREATE EXTERNAL TABLE `{}`(\n{})", table.name(), columns_text(&own));
    let parameters = table.input.parameters.clone().unwrap_or_default();
    if let Some(comment) = parameters.get("comment") {
        text.push_str(&format!("\nCOMMENT {}", quoted(comment)));
    }
    if !table.partition_keys().is_empty() {
        text.push_str(&format!("\nPARTITIONED BY ( \n{})", columns_text(table.partition_keys())));
    }
    if let (Some(columns), Some(count @ 1..)) = (&storage.bucket_columns, storage.number_of_buckets) {
        let columns: Vec<String> = columns.iter().map(|column| format!("  {column}")).collect();
        text.push_str(&format!("\nCLUSTERED BY ( \n{}) ", columns.join(", \n")));
        if let Some(sorted) = storage.sort_columns.as_ref().and_then(serde_json::Value::as_array) {
            let columns = sorted.iter().map(|column| {
                let order = if column["SortOrder"] == 0 { "DESC" } else { "ASC" };
                format!("  {} {order}", column["Column"].as_str().unwrap_or_default())
            });
            let columns: Vec<String> = columns.collect();
            if !columns.is_empty() {
                text.push_str(&format!("\nSORTED BY ( \n{}) ", columns.join(", \n")));
            }
        }
        text.push_str(&format!("\nINTO {count} BUCKETS"));
    }
    text.push_str(&row_format(storage.serde_info.clone().unwrap_or_default()));
    text.push_str(&format!(
        "\nSTORED AS INPUTFORMAT \n  {} \nOUTPUTFORMAT \n  {}",
        quoted(&storage.input_format.unwrap_or_default()),
        quoted(&storage.output_format.unwrap_or_default())
    ));
    text.push_str(&format!("\nLOCATION\n  {}", quoted(&storage.location.unwrap_or_default())));
    let shown = parameters.into_iter().filter(|(key, _)| key != "EXTERNAL" && key != "comment").collect();
    text.push_str(&format!("\nTBLPROPERTIES (\n{})", pairs(shown)));
    text
}

/// The delimiters of Hive's text files, in the order of its grammar.
const DELIMITERS: [(&str, &str); 6] = [
    ("field.delim", "FIELDS TERMINATED BY"),
    ("escape.delim", "ESCAPED BY"),
    ("collection.delim", "COLLECTION ITEMS TERMINATED BY"),
    ("mapkey.delim", "MAP KEYS TERMINATED BY"),
    ("line.delim", "LINES TERMINATED BY"),
    ("serialization.null.format", "NULL DEFINED AS"),
];

/// `ROW FORMAT DELIMITED` where that says everything, else the SerDe.
fn row_format(serde: glue::SerDeInfo) -> String {
    let library = serde.serialization_library.unwrap_or_default();
    let mut properties: Vec<(String, String)> = serde.parameters.unwrap_or_default().into_iter().collect();
    let delimiter = |key: &str| DELIMITERS.iter().any(|(name, _)| *name == key);
    let plain = |(key, _): &(String, String)| delimiter(key) || key == "serialization.format";
    if library == "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
        && properties.iter().all(plain)
        && properties.iter().any(|(key, _)| delimiter(key))
    {
        let mut text = "\nROW FORMAT DELIMITED ".to_owned();
        for (key, words) in DELIMITERS {
            if let Some((_, value)) = properties.iter().find(|(name, _)| name == key) {
                text.push_str(&format!("\n  {words} {} ", quoted(value)));
            }
        }
        return text;
    }
    properties.retain(|(key, value)| !(key == "serialization.format" && value == "1"));
    let mut text = format!("\nROW FORMAT SERDE \n  {} ", quoted(&library));
    if !properties.is_empty() {
        text.push_str(&format!("\nWITH SERDEPROPERTIES ( \n{}) ", pairs(properties)));
    }
    text
}

fn pairs(mut properties: Vec<(String, String)>) -> String {
    properties.sort();
    let lines: Vec<String> =
        properties.iter().map(|(key, value)| format!("  {}={}", quoted(key), quoted(value))).collect();
    lines.join(", \n")
}

async fn iceberg_statement(work: &Work<'_>, table: &Table) -> Result<String, QueryError> {
    let loaded = work.resolver.iceberg.load(table.clone()).await.map_err(from_lake)?;
    let metadata = loaded.metadata();
    let columns: Vec<String> = table
        .columns()
        .map(|column| {
            let comment =
                column.comment.as_ref().map(|comment| format!(" COMMENT {}", quoted(comment))).unwrap_or_default();
            format!("  {} {}{comment}", column.name, column.type_text())
        })
        .collect();
    let mut text = format!("CREATE TABLE {}.{} (\n{})", table.database_name, table.name(), columns.join(",\n"));
    let mut fields = Vec::new();
    for field in metadata.default_partition_spec().fields() {
        let source = metadata.current_schema().field_by_id(field.source_id);
        let source = source.map(|field| field.name.clone()).unwrap_or_default();
        let transform = field.transform.to_string();
        fields.push(match transform.split_once('[') {
            _ if transform == "identity" => format!("`{source}`"),
            Some((name, number)) => format!("{name}({}, `{source}`)", number.trim_end_matches(']')),
            None => format!("{transform}(`{source}`)"),
        });
    }
    if !fields.is_empty() {
        text.push_str(&format!("\nPARTITIONED BY ({})", fields.join(", ")));
    }
    let mut properties = vec![("table_type".to_owned(), "iceberg".to_owned())];
    properties.extend(metadata.properties().iter().map(|(key, value)| (key.clone(), value.clone())));
    properties[1..].sort();
    let lines: Vec<String> =
        properties.iter().map(|(key, value)| format!("  {}={}", quoted(key), quoted(value))).collect();
    text.push_str(&format!("\nLOCATION {}\nTBLPROPERTIES (\n{}\n);", quoted(metadata.location()), lines.join(",\n")));
    Ok(text)
}
