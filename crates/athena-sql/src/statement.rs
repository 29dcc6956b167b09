//! The statements.

use indexmap::IndexMap;

use crate::{
    ast::{Expr, Ident, Pos, QualifiedName, Query, Relation},
    hive_type::HiveType,
};

/// The name of a table or view in a statement: `t`, `db.t` or `catalog.db.t`, lower-cased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The data catalog, where it is named.
    pub catalog: Option<String>,
    /// The database, where it is named.
    pub database: Option<String>,
    /// The table.
    pub table: String,
    /// Where the name stands.
    pub pos: Pos,
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in [&self.catalog, &self.database].into_iter().flatten() {
            write!(f, "{part}.")?;
        }
        f.write_str(&self.table)
    }
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `SELECT`, `WITH`, `VALUES`, `TABLE`.
    Query(Box<Query>),
    /// `EXPLAIN`.
    Explain(Box<Explain>),
    /// `INSERT INTO`.
    Insert(Box<Insert>),
    /// `UPDATE`.
    Update {
        /// The table.
        table: TableName,
        /// Column and value.
        assignments: Vec<(Ident, Expr)>,
        /// `WHERE`.
        filter: Option<Expr>,
    },
    /// `DELETE FROM`.
    Delete {
        /// The table.
        table: TableName,
        /// `WHERE`.
        filter: Option<Expr>,
    },
    /// `MERGE INTO`.
    Merge(Box<Merge>),
    /// `CREATE TABLE … AS`.
    CreateTableAs(Box<CreateTableAs>),
    /// `CREATE [EXTERNAL] TABLE` with columns.
    CreateTable(Box<CreateTable>),
    /// `DROP TABLE`.
    DropTable {
        /// The table.
        table: TableName,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `CREATE DATABASE`.
    CreateDatabase {
        /// Its name, lower-cased.
        name: String,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// `COMMENT`.
        comment: Option<String>,
        /// `LOCATION`.
        location: Option<String>,
        /// `WITH DBPROPERTIES`.
        properties: IndexMap<String, String>,
    },
    /// `ALTER DATABASE … SET DBPROPERTIES`.
    AlterDatabase {
        /// Its name, lower-cased.
        name: String,
        /// What is set.
        properties: IndexMap<String, String>,
    },
    /// `DROP DATABASE`.
    DropDatabase {
        /// Its name, lower-cased.
        name: String,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `CREATE [OR REPLACE] VIEW`.
    CreateView {
        /// The view.
        name: TableName,
        /// `OR REPLACE`.
        or_replace: bool,
        /// `COMMENT '…'`.
        comment: Option<String>,
        /// `SECURITY INVOKER`; definer otherwise.
        invoker: bool,
        /// What it selects.
        query: Box<Query>,
        /// The text of `query`.
        query_text: String,
    },
    /// `DROP VIEW`.
    DropView {
        /// The view.
        name: TableName,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `ALTER TABLE`.
    AlterTable(Box<AlterTable>),
    /// `MSCK REPAIR TABLE`.
    MsckRepair {
        /// The table.
        table: TableName,
    },
    /// `SHOW …`.
    Show(Show),
    /// `DESCRIBE [EXTENDED|FORMATTED]`.
    Describe {
        /// The table or view.
        table: TableName,
        /// `EXTENDED`.
        extended: bool,
        /// `FORMATTED`.
        formatted: bool,
        /// One column and its fields.
        column: Vec<String>,
    },
    /// `UNLOAD (query) TO '…' WITH (…)`.
    Unload(Box<Unload>),
    /// `OPTIMIZE t REWRITE DATA USING BIN_PACK`.
    Optimize {
        /// The table.
        table: TableName,
        /// `WHERE`.
        filter: Option<Expr>,
    },
    /// `VACUUM t`.
    Vacuum {
        /// The table.
        table: TableName,
    },
    /// `PREPARE name FROM statement`.
    Prepare {
        /// Its name, as written.
        name: String,
        /// The statement.
        statement: Box<Statement>,
        /// Its text.
        statement_text: String,
    },
    /// `EXECUTE name USING …`.
    Execute {
        /// Its name, as written.
        name: String,
        /// The texts of the values, to be bound like execution parameters.
        parameters: Vec<String>,
    },
    /// `DEALLOCATE PREPARE name`.
    Deallocate {
        /// Its name, as written.
        name: String,
    },
}

/// `EXPLAIN [ANALYZE] [(options)] statement`.
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// What is explained.
    pub statement: Statement,
    /// `ANALYZE`.
    pub analyze: bool,
    /// `ANALYZE VERBOSE`.
    pub verbose: bool,
    /// `FORMAT`.
    pub format: ExplainFormat,
    /// `TYPE`.
    pub explain_type: ExplainType,
}

/// `EXPLAIN (FORMAT …)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExplainFormat {
    /// `TEXT`.
    #[default]
    Text,
    /// `GRAPHVIZ`.
    Graphviz,
    /// `JSON`.
    Json,
}

/// `EXPLAIN (TYPE …)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExplainType {
    /// `LOGICAL`.
    Logical,
    /// `DISTRIBUTED`.
    #[default]
    Distributed,
    /// `VALIDATE`.
    Validate,
    /// `IO`.
    Io,
}

/// `INSERT INTO t (a, b) query`.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// The table.
    pub table: TableName,
    /// Its columns; all of them, in order, when empty.
    pub columns: Vec<Ident>,
    /// The rows.
    pub query: Query,
}

/// `MERGE INTO target USING source ON condition WHEN …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// The table that changes.
    pub target: TableName,
    /// Its alias.
    pub target_alias: Option<Ident>,
    /// What it is compared with.
    pub source: Relation,
    /// Which rows match.
    pub condition: Expr,
    /// The clauses; the first that holds wins.
    pub clauses: Vec<MergeClause>,
}

/// `WHEN … THEN …`.
#[derive(Debug, Clone, PartialEq)]
pub enum MergeClause {
    /// `WHEN MATCHED [AND …] THEN UPDATE SET …`.
    Update {
        /// `AND`.
        condition: Option<Expr>,
        /// Column and value.
        assignments: Vec<(Ident, Expr)>,
    },
    /// `WHEN MATCHED [AND …] THEN DELETE`.
    Delete {
        /// `AND`.
        condition: Option<Expr>,
    },
    /// `WHEN NOT MATCHED [AND …] THEN INSERT …`.
    Insert {
        /// `AND`.
        condition: Option<Expr>,
        /// What is inserted.
        insert: MergeInsert,
    },
}

/// `INSERT (a, b) VALUES (x, y)`.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeInsert {
    /// The columns; all of them when empty.
    pub columns: Vec<Ident>,
    /// Their values.
    pub values: Vec<Expr>,
}

/// `CREATE TABLE [IF NOT EXISTS] t WITH (…) AS query WITH [NO] DATA`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTableAs {
    /// The new table.
    pub table: TableName,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `COMMENT '…'`.
    pub comment: Option<String>,
    /// `(a, b)` before `AS`.
    pub column_aliases: Vec<Ident>,
    /// `WITH (…)`, in order.
    pub properties: Vec<Property>,
    /// The rows.
    pub query: Query,
    /// False for `WITH NO DATA`.
    pub with_data: bool,
}

/// `name = expression` of a `WITH` clause.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// Its name, lower-cased.
    pub name: String,
    /// Its value.
    pub value: Expr,
    /// Where it stands.
    pub pos: Pos,
}

/// A column of Hive DDL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// Its name, lower-cased.
    pub name: String,
    /// Its type.
    pub data_type: HiveType,
    /// `COMMENT '…'`.
    pub comment: Option<String>,
}

/// `CREATE [EXTERNAL] TABLE t (…) …` in Hive's grammar.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    /// The new table.
    pub table: TableName,
    /// `EXTERNAL`.
    pub external: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its columns without the partition columns of a Hive table.
    pub columns: Vec<ColumnDefinition>,
    /// `COMMENT '…'`.
    pub comment: Option<String>,
    /// `PARTITIONED BY`.
    pub partitioned_by: Vec<PartitionField>,
    /// `CLUSTERED BY (…) INTO n BUCKETS`.
    pub clustered_by: Option<(Vec<String>, u32)>,
    /// `SORTED BY (…)` of the buckets: columns, and whether they ascend.
    pub sorted_by: Vec<(String, bool)>,
    /// `ROW FORMAT`.
    pub row_format: Option<RowFormat>,
    /// `STORED AS`.
    pub stored_as: Option<StorageFormat>,
    /// `LOCATION '…'`.
    pub location: Option<String>,
    /// `TBLPROPERTIES`.
    pub properties: IndexMap<String, String>,
}

impl CreateTable {
    /// Whether `TBLPROPERTIES ('table_type'='ICEBERG')` stands in it.
    pub fn is_iceberg(&self) -> bool {
        self.properties
            .iter()
            .any(|(key, value)| key.eq_ignore_ascii_case("table_type") && value.eq_ignore_ascii_case("iceberg"))
    }
}

/// An entry of `PARTITIONED BY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionField {
    /// `col type`: a partition column of a Hive table.
    Column(ColumnDefinition),
    /// `col`, `bucket(16, col)`, `day(col)`: a partition field of an Iceberg table.
    Transform {
        /// `identity`, `year`, `month`, `day`, `hour`, `bucket`, `truncate`.
        transform: String,
        /// `bucket`'s and `truncate`'s number.
        argument: Option<u32>,
        /// The column.
        column: String,
    },
}

/// `ROW FORMAT …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFormat {
    /// `DELIMITED FIELDS TERMINATED BY …`.
    Delimited {
        /// `FIELDS TERMINATED BY`.
        field: Option<String>,
        /// `ESCAPED BY`.
        escape: Option<String>,
        /// `COLLECTION ITEMS TERMINATED BY`.
        collection: Option<String>,
        /// `MAP KEYS TERMINATED BY`.
        map_key: Option<String>,
        /// `LINES TERMINATED BY`.
        line: Option<String>,
        /// `NULL DEFINED AS`.
        null: Option<String>,
    },
    /// `SERDE '…' [WITH SERDEPROPERTIES (…)]`.
    Serde {
        /// The Java class.
        class: String,
        /// Its properties.
        properties: IndexMap<String, String>,
    },
}

/// `STORED AS …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageFormat {
    /// `PARQUET`, `TEXTFILE`, …, upper-cased.
    Named(String),
    /// `INPUTFORMAT '…' OUTPUTFORMAT '…'`.
    Classes {
        /// `INPUTFORMAT`.
        input: String,
        /// `OUTPUTFORMAT`.
        output: String,
    },
}

/// `(k1 = 'v1', k2 = 2)`: column and value.
pub type PartitionSpec = Vec<(String, String)>;

/// `ALTER TABLE t action`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterTable {
    /// The table.
    pub table: TableName,
    /// What happens to it.
    pub action: AlterTableAction,
}

/// What `ALTER TABLE` does.
#[derive(Debug, Clone, PartialEq)]
pub enum AlterTableAction {
    /// `[PARTITION (…)] ADD COLUMNS (…)`.
    AddColumns {
        /// Of this partition only.
        partition: Option<PartitionSpec>,
        /// The new columns.
        columns: Vec<ColumnDefinition>,
    },
    /// `[PARTITION (…)] REPLACE COLUMNS (…)`.
    ReplaceColumns {
        /// Of this partition only.
        partition: Option<PartitionSpec>,
        /// All columns from now on.
        columns: Vec<ColumnDefinition>,
    },
    /// `CHANGE [COLUMN] old new type [COMMENT ''] [FIRST|AFTER c]`.
    ChangeColumn {
        /// The old name.
        old: String,
        /// The new name and type.
        new: ColumnDefinition,
        /// Where it goes.
        position: Option<ColumnPosition>,
    },
    /// `DROP COLUMN c`.
    DropColumn {
        /// The column.
        column: String,
    },
    /// `RENAME TO t2`.
    RenameTo {
        /// The new name.
        table: TableName,
    },
    /// `SET TBLPROPERTIES (…)`.
    SetProperties(IndexMap<String, String>),
    /// `UNSET TBLPROPERTIES ('k')`.
    UnsetProperties(Vec<String>),
    /// `[PARTITION (…)] SET LOCATION '…'`.
    SetLocation {
        /// Of this partition only.
        partition: Option<PartitionSpec>,
        /// The new location.
        location: String,
    },
    /// `ADD [IF NOT EXISTS] PARTITION (…) [LOCATION '…'] …`.
    AddPartitions {
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// Values and locations.
        partitions: Vec<(PartitionSpec, Option<String>)>,
    },
    /// `DROP [IF EXISTS] PARTITION (…), …`.
    DropPartitions {
        /// `IF EXISTS`.
        if_exists: bool,
        /// Their values.
        partitions: Vec<PartitionSpec>,
    },
    /// `PARTITION (…) RENAME TO PARTITION (…)`.
    RenamePartition {
        /// From.
        from: PartitionSpec,
        /// To.
        to: PartitionSpec,
    },
}

/// Where a changed column goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnPosition {
    /// `FIRST`.
    First,
    /// `AFTER c`.
    After(String),
}

/// `SHOW …`.
#[derive(Debug, Clone, PartialEq)]
pub enum Show {
    /// `SHOW DATABASES [LIKE 'regex']`.
    Databases {
        /// A regular expression over whole names.
        pattern: Option<String>,
    },
    /// `SHOW TABLES [IN db] ['pattern']`.
    Tables {
        /// The database.
        database: Option<String>,
        /// `*` is any text, `|` separates alternatives.
        pattern: Option<String>,
    },
    /// `SHOW VIEWS [IN db] [LIKE 'pattern']`.
    Views {
        /// The database.
        database: Option<String>,
        /// As for tables.
        pattern: Option<String>,
    },
    /// `SHOW COLUMNS IN t`.
    Columns(TableName),
    /// `SHOW PARTITIONS t`.
    Partitions(TableName),
    /// `SHOW TBLPROPERTIES t [('k')]`.
    TableProperties {
        /// The table.
        table: TableName,
        /// One key only.
        key: Option<String>,
    },
    /// `SHOW CREATE TABLE t`.
    CreateTable(TableName),
    /// `SHOW CREATE VIEW v`.
    CreateView(TableName),
    /// `SHOW FUNCTIONS [LIKE 'pattern']`.
    Functions {
        /// A LIKE pattern.
        pattern: Option<String>,
    },
}

/// `UNLOAD (query) TO 's3://…' WITH (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Unload {
    /// The rows.
    pub query: Query,
    /// Where they go.
    pub location: String,
    /// `WITH (…)`.
    pub properties: Vec<Property>,
}

/// For [`TableName`]: the parts of a name, at most three of them.
impl TryFrom<&QualifiedName> for TableName {
    type Error = String;

    fn try_from(name: &QualifiedName) -> Result<Self, String> {
        let mut parts: Vec<String> = name.parts.iter().map(Ident::lower).collect();
        let pos = name.pos();
        let Some(table) = parts.pop().filter(|_| parts.len() <= 2) else {
            return Err(format!("Invalid table name {}", name.lower()));
        };
        let database = parts.pop();
        Ok(Self { catalog: parts.pop(), database, table, pos })
    }
}

impl Statement {
    /// How many `?` stand in the statement. Prints the whole tree, so it is for error messages only.
    pub fn parameter_count(&self) -> usize {
        // Every node that can hold one is in the printed tree, so none is forgotten when the tree grows.
        let mut count = 0;
        let printed = format!("{self:?}");
        for (at, _) in printed.match_indices("}, kind: Parameter(") {
            let digits: String = printed[at + 19..].chars().take_while(char::is_ascii_digit).collect();
            count = count.max(digits.parse::<usize>().map_or(0, |at| at + 1));
        }
        count
    }
}
