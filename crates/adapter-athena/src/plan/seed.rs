//! Seeds: a CSV on S3 read by one CREATE TABLE AS, or INSERTs.

use engine::adapter::{AdapterError, AdapterResult, SeedColumn, SeedTable, SeedType};
use names::RelationName;

use super::{draft::Draft, table};
use crate::{
    errors,
    location::Lifetime,
    step::{InsertSeed, SeedCast, Step, UploadSeed, csv},
    types::{hive_quoted, quoted},
    upload_args,
};

/// The texts that a timestamp column may have. Source: dbt-athena, `try_cast_timestamp`.
const TIMESTAMP_FORMATS: [&str; 12] = [
    "%Y-%m-%d %H:%i:%s",
    "%Y/%m/%d %H:%i:%s",
    "%d %M %Y %H:%i:%s",
    "%d/%m/%Y %H:%i:%s",
    "%d-%m-%Y %H:%i:%s",
    "%Y-%m-%d %H:%i:%s.%f",
    "%Y/%m/%d %H:%i:%s.%f",
    "%d %M %Y %H:%i:%s.%f",
    "%d/%m/%Y %H:%i:%s.%f",
    "%Y-%m-%dT%H:%i:%s.%fZ",
    "%Y-%m-%dT%H:%i:%sZ",
    "%Y-%m-%dT%H:%i:%s",
];

pub(super) async fn plan(draft: &mut Draft<'_>, seed: &SeedTable) -> AdapterResult<()> {
    if draft.existing.as_ref().is_some_and(athena_api::glue::Table::is_view) {
        return Err(errors::mistake(
            format!("Cannot seed to '{}', it is a view", draft.relation),
            "a seed becomes a table, and a view has this name",
            "rename one of the two, or drop the view",
        ));
    }
    let types = types(draft, seed);
    let names: Vec<String> = seed.columns.iter().map(|column| column.name.clone()).collect();
    let has_line_breaks = seed.rows.iter().flatten().flatten().any(|value| value.contains(['\n', '\r']));
    let by_insert = draft.keys.flag("seed_by_insert");
    if has_line_breaks && !by_insert {
        draft.note("the rows are inserted by statements: Athena's CSV reader takes a line break in a value for the end of the row");
    }
    if by_insert || has_line_breaks {
        inserts(draft, seed, &names, &types).await?;
    } else {
        upload(draft, seed, &names, &types).await?;
    }
    draft.describe(!draft.layout.is_iceberg());
    Ok(())
}

/// Trino's type of each column: the configured one, or the one that its values allow.
fn types(draft: &Draft<'_>, seed: &SeedTable) -> Vec<String> {
    let configured = draft.request.config.get("column_types").and_then(|types| types.as_object());
    let own = |name: &str| {
        let found = configured?.iter().find(|(column, _)| column.eq_ignore_ascii_case(name))?;
        found.1.as_str().map(str::to_owned)
    };
    let type_of = |(index, column): (usize, &SeedColumn)| match own(&column.name) {
        Some(kind) if kind.eq_ignore_ascii_case("string") => "varchar".to_owned(),
        Some(kind) if kind.eq_ignore_ascii_case("int") => "integer".to_owned(),
        // Only `timestamp` itself is read in several formats; any other spelling is a cast, which fails on what it does not understand.
        Some(kind) if kind.eq_ignore_ascii_case("timestamp") => kind,
        Some(kind) => kind.to_lowercase(),
        None => inferred(column.inferred, seed, index).to_owned(),
    };
    seed.columns.iter().enumerate().map(type_of).collect()
}

fn inferred(kind: SeedType, seed: &SeedTable, index: usize) -> &'static str {
    match kind {
        SeedType::Integer => {
            let mut values = seed.rows.iter().filter_map(|row| row.get(index)?.as_deref());
            // An INTEGER would overflow, and the seed could not be loaded at all.
            if values.all(|value| value.trim().parse::<i32>().is_ok()) { "integer" } else { "bigint" }
        }
        SeedType::Number => "double",
        SeedType::Boolean => "boolean",
        SeedType::Date => "date",
        SeedType::DateTime => "timestamp",
        SeedType::Text => "varchar",
    }
}

async fn upload(draft: &mut Draft<'_>, seed: &SeedTable, names: &[String], types: &[String]) -> AdapterResult<()> {
    let tmp = draft.relation.with_identifier(format!("{}__dbt_tmp", draft.relation.identifier));
    draft.drop_leftover(&tmp, None).await?;
    let layout = draft.layout.unpartitioned();
    let location = draft.location(&tmp, &tmp.identifier, Lifetime::Temporary, &layout, "csv").await?;
    let arguments = draft.keys.given("seed_s3_upload_args").or(draft.warehouse.profile.seed_s3_upload_args.as_ref());
    let headers = arguments.map(upload_args::headers).transpose().map_err(|mistake| AdapterError::new(*mistake))?;
    draft.steps.push(Step::UploadSeed(UploadSeed {
        headers: headers.unwrap_or_default(),
        object: location.join(&format!("{}.csv", tmp.identifier)),
        csv: csv(names.iter().map(String::as_str), seed.rows.iter()),
    }));
    draft.steps.push(Step::Query { sql: external_table(&tmp, names, &location.to_string()), relation: tmp.clone() });
    draft.last.push(Step::DropTable { relation: tmp.clone(), native: false });
    let iceberg = draft.layout.is_iceberg();
    let columns: Vec<String> = names.iter().zip(types).map(|(name, kind)| column(name, kind, iceberg)).collect();
    let sql = format!("select\n        {}\n      from\n        {tmp}", columns.join(",\n        "));
    table::create_or_replace(draft, &sql, |_| Vec::new()).await
}

/// All columns are text in the file.
fn external_table(tmp: &RelationName, names: &[String], location: &str) -> String {
    let columns: Vec<String> = names.iter().map(|name| format!("{} string", hive_quoted(name))).collect();
    format!(
        "create external table {} ({})\n    row format serde 'org.apache.hadoop.hive.serde2.OpenCSVSerde'\n    location '{location}/'\n    tblproperties ('skip.header.line.count'='1')",
        tmp.hive(),
        columns.join(", "),
    )
}

/// A text as its type; an empty text is NULL, as dbt reads CSV.
fn column(name: &str, kind: &str, iceberg: bool) -> String {
    let column = quoted(name);
    match kind {
        "timestamp" => {
            let tries: Vec<String> =
                TIMESTAMP_FORMATS.iter().map(|format| format!("try(date_parse({column}, '{format}'))")).collect();
            let parsed = format!("coalesce({})", tries.join(", "));
            if iceberg {
                format!("cast({parsed} as timestamp(6)) as {column}")
            } else {
                format!("{parsed} as {column}")
            }
        }
        _ => {
            let kind = if iceberg && kind.eq_ignore_ascii_case("timestamp") { "timestamp(6)" } else { kind };
            format!("cast(nullif({column}, '') as {kind}) as {column}")
        }
    }
}

async fn inserts(draft: &mut Draft<'_>, seed: &SeedTable, names: &[String], types: &[String]) -> AdapterResult<()> {
    let iceberg = draft.layout.is_iceberg();
    let kind = |kind: &String| {
        if kind.eq_ignore_ascii_case("timestamp") && iceberg { "timestamp(6)".to_owned() } else { kind.clone() }
    };
    let types: Vec<String> = types.iter().map(kind).collect();
    let columns: Vec<String> =
        names.iter().zip(&types).map(|(name, kind)| format!("cast(null as {kind}) as {}", quoted(name))).collect();
    let sql = format!("select {}\n      where false", columns.join(", "));
    let casts: Vec<SeedCast> = types
        .iter()
        .map(|kind| if kind == "varchar" { SeedCast::Varchar } else { SeedCast::Cast(kind.clone()) })
        .collect();
    let rows: Vec<Vec<Option<String>>> = seed.rows.iter().map(|row| for_cast(row, &types)).collect();
    let names = names.to_vec();
    table::create_or_replace(draft, &sql, |relation| {
        if rows.is_empty() {
            return Vec::new();
        }
        vec![Step::InsertSeed(InsertSeed { relation: relation.clone(), columns: names, casts, rows })]
    })
    .await
}

/// Texts as CAST understands them: a timestamp without `T` and `Z`; an empty text is NULL.
fn for_cast(row: &[Option<String>], types: &[String]) -> Vec<Option<String>> {
    row.iter()
        .zip(types)
        .map(|(value, kind)| {
            let value = value.as_ref().filter(|text| !text.is_empty())?;
            Some(if kind.to_lowercase().starts_with("timestamp") {
                value.replace('T', " ").trim_end_matches('Z').to_owned()
            } else {
                value.clone()
            })
        })
        .collect()
}
