//! Rows by column name.

use store::{
    Database, DatabaseError,
    sqlx::{self, Row as _, any::AnyRow},
};

/// A row and the database it came from, so that an unreadable column names both.
pub struct Row<'a> {
    row: &'a AnyRow,
    database: &'a Database,
    doing: &'static str,
}

impl<'a> Row<'a> {
    pub fn new(row: &'a AnyRow, database: &'a Database, doing: &'static str) -> Self {
        Self { row, database, doing }
    }

    pub fn integer(&self, column: &str) -> Result<i64, DatabaseError> {
        self.row.try_get(column).map_err(|source| self.error(source))
    }

    pub fn integer_or_null(&self, column: &str) -> Result<Option<i64>, DatabaseError> {
        self.row.try_get(column).map_err(|source| self.error(source))
    }

    pub fn text(&self, column: &str) -> Result<String, DatabaseError> {
        self.row.try_get(column).map_err(|source| self.error(source))
    }

    pub fn text_or_null(&self, column: &str) -> Result<Option<String>, DatabaseError> {
        self.row.try_get(column).map_err(|source| self.error(source))
    }

    /// Truth values are 0 and 1.
    pub fn truth(&self, column: &str) -> Result<bool, DatabaseError> {
        Ok(self.integer(column)? != 0)
    }

    fn error(&self, source: sqlx::Error) -> DatabaseError {
        self.database.error(self.doing, source)
    }
}

/// A condition that grows: `push("run.state = ", state)` adds `AND run.state = $3`.
#[derive(Default)]
pub struct Conditions {
    sql: String,
    values: Vec<Value>,
}

/// What a placeholder stands for.
#[derive(Debug, Clone)]
pub enum Value {
    Integer(i64),
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl Conditions {
    /// `before` ends where the value stands: `"run.id < "`.
    pub fn push(&mut self, before: &str, value: impl Into<Value>) {
        let placeholder = self.bind(value);
        self.plain(&format!("{before}{placeholder}"));
    }

    /// A condition without a value of its own.
    pub fn plain(&mut self, condition: &str) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
    }

    /// Its placeholder, for use in other parts of the statement.
    pub fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// ` WHERE … AND …`, or nothing.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Runs `statement`, which has been written around these conditions.
    pub async fn fetch(
        &self,
        database: &Database,
        doing: &'static str,
        statement: String,
    ) -> Result<Vec<AnyRow>, DatabaseError> {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for value in &self.values {
            query = match value {
                Value::Integer(value) => query.bind(*value),
                Value::Text(value) => query.bind(value.clone()),
            };
        }
        query.fetch_all(database.readers()).await.map_err(|source| database.error(doing, source))
    }
}
