//! Which grammar a text is written in, and how Athena classifies what it says.

use crate::{
    error::{ParseError, ParseErrorKind},
    hive,
    lexer::{Quotes, TokenKind, tokens},
    statement::{AlterTableAction, Show, Statement},
    trino,
};

/// `QueryExecution.StatementType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatementType {
    /// `DDL`.
    Ddl,
    /// `DML`.
    Dml,
    /// `UTILITY`.
    Utility,
}

impl StatementType {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ddl => "DDL",
            Self::Dml => "DML",
            Self::Utility => "UTILITY",
        }
    }
}

/// `StatementType` and `SubstatementType` of a query execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatementKind {
    /// `QueryExecution.StatementType`.
    pub statement_type: StatementType,
    /// `QueryExecution.SubstatementType`.
    pub substatement_type: &'static str,
}

impl Statement {
    /// How Athena classifies the statement. Source: measurements in spec/athena.md §1.6.
    ///
    /// `EXECUTE` counts as `SELECT` here; what it runs is known to who keeps the prepared statements. `DESCRIBE` and
    /// `SHOW COLUMNS` of a view are `DESC_VIEW`, which only the catalog can tell.
    pub fn kind(&self) -> StatementKind {
        use StatementType::{Ddl, Dml, Utility};
        let (statement_type, substatement_type) = match self {
            Self::Query(_) | Self::Execute { .. } => (Dml, "SELECT"),
            Self::Explain(_) => (Dml, "EXPLAIN"),
            Self::Insert(_) => (Dml, "INSERT"),
            Self::Update { .. } => (Dml, "UPDATE"),
            Self::Delete { .. } => (Dml, "DELETE"),
            Self::Merge(_) => (Dml, "MERGE"),
            Self::Unload(_) => (Dml, "UNLOAD"),
            Self::Vacuum { .. } => (Dml, "VACUUM_TABLE"),
            Self::Optimize { .. } => (Ddl, "OPTIMIZE"),
            Self::CreateTableAs(_) => (Ddl, "CREATE_TABLE_AS_SELECT"),
            Self::CreateTable(_) => (Ddl, "CREATE_TABLE"),
            Self::DropTable { .. } => (Ddl, "DROP_TABLE"),
            Self::CreateDatabase { .. } => (Ddl, "CREATE_DATABASE"),
            Self::AlterDatabase { .. } => (Ddl, "ALTER_DATABASE"),
            Self::DropDatabase { .. } => (Ddl, "DROP_DATABASE"),
            Self::CreateView { .. } => (Ddl, "CREATE_VIEW"),
            Self::DropView { .. } => (Ddl, "DROP_VIEW"),
            Self::AlterTable(alter) => (Ddl, alter_kind(&alter.action)),
            Self::MsckRepair { .. } => (Ddl, "MSCK_REPAIR"),
            Self::Show(show) => (Utility, show_kind(show)),
            Self::Describe { .. } => (Utility, "DESCRIBE_TABLE"),
            Self::Prepare { .. } => (Ddl, "PREPARE"),
            Self::Deallocate { .. } => (Ddl, "DEALLOCATE"),
        };
        StatementKind { statement_type, substatement_type }
    }
}

fn alter_kind(action: &AlterTableAction) -> &'static str {
    match action {
        AlterTableAction::AddColumns { .. } => "ALTER_TABLE_ADD_COLUMNS",
        AlterTableAction::ReplaceColumns { .. } => "ALTER_TABLE_REPLACE_COLUMN",
        AlterTableAction::ChangeColumn { .. } => "ALTER_TABLE_CHANGE_COLUMN",
        AlterTableAction::DropColumn { .. } => "ALTER_TABLE_DROP_COLUMN",
        AlterTableAction::RenameTo { .. } => "ALTER_TABLE_RENAME",
        AlterTableAction::SetProperties(_) | AlterTableAction::UnsetProperties(_) => "ALTER_TABLE_SET_TBLPROPERTIES",
        AlterTableAction::SetLocation { .. } => "ALTER_TABLE_SET_LOCATION",
        AlterTableAction::AddPartitions { .. } => "ALTER_TABLE_ADD_PARTITION",
        AlterTableAction::DropPartitions { .. } => "ALTER_TABLE_DROP_PARTITION",
        AlterTableAction::RenamePartition { .. } => "ALTER_TABLE_RENAME_PARTITION",
    }
}

fn show_kind(show: &Show) -> &'static str {
    match show {
        Show::Databases { .. } => "SHOW_DATABASES",
        Show::Tables { .. } => "SHOW_TABLES",
        Show::Views { .. } => "SHOW_VIEWS",
        Show::Columns(_) => "SHOW_COLUMNS",
        Show::Partitions(_) => "SHOW_PARTITIONS",
        Show::TableProperties { .. } => "SHOW_TABLE_PROPERTIES",
        Show::CreateTable(_) => "SHOW_CREATE_TABLE",
        Show::CreateView(_) => "SHOW_CREATE_VIEW",
        Show::Functions { .. } => "SHOW_FUNCTIONS",
    }
}

/// The grammar that a statement's first words belong to.
enum Grammar {
    Hive,
    Trino,
    /// OPTIMIZE and VACUUM: Hive's names, Trino's predicate.
    Maintenance,
    /// Athena knows the words and refuses them.
    Refused,
}

/// Parses with the grammar that the first words ask for.
pub(crate) fn dispatch(text: &str) -> Result<Statement, ParseError> {
    // Words only: quotes do not matter for the first ones, but must not stop the look-ahead.
    let words = first_words(text);
    match grammar(&words) {
        Grammar::Hive => hive::statement(text),
        Grammar::Maintenance => hive::maintenance(text),
        Grammar::Trino => trino::statement(text),
        Grammar::Refused => Err(ParseError::not_supported()),
    }
}

fn first_words(text: &str) -> Vec<String> {
    let quotes = if text.contains('`') { Quotes::Hive } else { Quotes::Trino };
    let Ok(tokens) = tokens(text, quotes) else { return Vec::new() };
    let mut words: Vec<String> = tokens
        .iter()
        .map_while(|token| match &token.kind {
            TokenKind::Word(word) => Some(word.to_uppercase()),
            _ => None,
        })
        .take(6)
        .collect();
    // `CREATE TABLE n [WITH (…)] AS` is Trino's; that takes a look at the whole.
    if words.starts_with(&["CREATE".to_owned(), "TABLE".to_owned()]) && is_create_table_as(&tokens) {
        words.insert(2, "#AS".to_owned());
    }
    words
}

/// Whether an `AS` that is no `STORED AS` stands outside of brackets.
fn is_create_table_as(tokens: &[crate::lexer::Token]) -> bool {
    let mut depth = 0_i32;
    let mut previous = String::new();
    for token in tokens {
        match &token.kind {
            TokenKind::Symbol("(") => depth += 1,
            TokenKind::Symbol(")") => depth -= 1,
            TokenKind::Word(word) => {
                if depth == 0 && word.eq_ignore_ascii_case("AS") && !["STORED", "DEFINED"].contains(&previous.as_str())
                {
                    return true;
                }
                previous = word.to_uppercase();
                continue;
            }
            _ => {}
        }
        previous.clear();
    }
    false
}

fn grammar(words: &[String]) -> Grammar {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    match (word(0), word(1), word(2)) {
        ("CREATE", "TABLE", "#AS") => Grammar::Trino,
        ("CREATE", "TABLE" | "EXTERNAL" | "DATABASE" | "SCHEMA", _) => Grammar::Hive,
        ("DROP", "TABLE" | "DATABASE" | "SCHEMA", _) => Grammar::Hive,
        ("ALTER", "TABLE" | "DATABASE" | "SCHEMA", _) => Grammar::Hive,
        ("MSCK", _, _) => Grammar::Hive,
        ("DESCRIBE" | "DESC", "DATABASE" | "SCHEMA" | "FUNCTION" | "INPUT" | "OUTPUT", _) => Grammar::Refused,
        ("DESCRIBE" | "DESC", _, _) => Grammar::Hive,
        ("SHOW", "CREATE", "VIEW") | ("SHOW", "FUNCTIONS", _) => Grammar::Trino,
        ("SHOW", "DATABASES" | "SCHEMAS" | "TABLES" | "VIEWS" | "COLUMNS" | "PARTITIONS" | "TBLPROPERTIES", _)
        | ("SHOW", "CREATE", "TABLE") => Grammar::Hive,
        ("SHOW", _, _) => Grammar::Refused,
        ("OPTIMIZE" | "VACUUM", _, _) => Grammar::Maintenance,
        (
            "COMMIT" | "ROLLBACK" | "START" | "GRANT" | "REVOKE" | "LOCK" | "UNLOCK" | "EXPORT" | "IMPORT" | "TRUNCATE"
            | "CALL" | "SET" | "RESET" | "USE" | "COMMENT" | "ANALYZE" | "DENY" | "REFRESH",
            _,
            _,
        )
        | ("CREATE", "INDEX" | "ROLE" | "MACRO" | "FUNCTION" | "TEMPORARY" | "MATERIALIZED" | "CATALOG", _)
        | ("DROP", "INDEX" | "ROLE" | "MACRO" | "FUNCTION" | "MATERIALIZED", _)
        | ("ALTER", "INDEX" | "VIEW", _) => Grammar::Refused,
        _ => Grammar::Trino,
    }
}

impl ParseError {
    /// Whether the text is none of Athena's statements, rather than a wrong one.
    pub fn is_not_supported(&self) -> bool {
        self.kind == ParseErrorKind::NotSupported
    }
}
