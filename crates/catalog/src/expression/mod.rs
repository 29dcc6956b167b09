//! GetPartitions' expression language: a small part of SQL's WHERE over the partition keys, typed by the keys.
//!
//! Source: AWS Glue API, GetPartitions `Expression`; error texts as in moto's tests, which are modelled on the service.

mod parse;
mod token;
mod value;

use athena_api::glue::Column;
use athena_api::{ApiError, ApiResult};

use crate::invalid_input;
use value::{KeyType, Value};

/// Hive's name of NULL in a partition.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// A checked expression: columns are known, literals have the columns' types.
#[derive(Debug, Clone)]
pub struct PartitionExpression {
    node: Node,
    types: Vec<Option<KeyType>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare { key: usize, operator: Operator, value: Value },
    In { key: usize, negated: bool, values: Vec<Value> },
    Between { key: usize, negated: bool, low: Value, high: Value },
    Like { key: usize, negated: bool, pattern: Vec<char> },
    IsNull { key: usize, negated: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl PartitionExpression {
    /// Reads the text for a table with these partition keys.
    ///
    /// # Errors
    /// `InvalidInputException` with the service's sentences.
    pub fn parse(text: &str, keys: &[Column]) -> ApiResult<Self> {
        if text.chars().count() > 2048 {
            return Err(ApiError::new(
                "ValidationException",
                "1 validation error detected: Value at 'expression' failed to satisfy constraint: Member must have length \
                 less than or equal to 2048",
            ));
        }
        let types = keys.iter().map(|key| KeyType::of(key.type_text())).collect();
        let node = parse::parse(text, keys)?;
        Ok(Self { node, types })
    }

    /// Whether a partition with these values is wanted.
    ///
    /// # Errors
    /// `InvalidStateException` when a stored value is not of the key's type.
    pub fn matches(&self, values: &[String]) -> ApiResult<bool> {
        self.eval(&self.node, values)
    }

    fn eval(&self, node: &Node, values: &[String]) -> ApiResult<bool> {
        Ok(match node {
            Node::And(left, right) => self.eval(left, values)? && self.eval(right, values)?,
            Node::Or(left, right) => self.eval(left, values)? || self.eval(right, values)?,
            Node::IsNull { key, negated } => values[*key].as_str().eq(NULL_PARTITION) != *negated,
            Node::Compare { key, operator, value } => match self.value(*key, values)? {
                None => false,
                Some(stored) => {
                    let order = stored.compare(value);
                    match operator {
                        Operator::Equal => order.is_eq(),
                        Operator::NotEqual => order.is_ne(),
                        Operator::Less => order.is_lt(),
                        Operator::LessOrEqual => order.is_le(),
                        Operator::Greater => order.is_gt(),
                        Operator::GreaterOrEqual => order.is_ge(),
                    }
                }
            },
            Node::In { key, negated, values: wanted } => match self.value(*key, values)? {
                None => false,
                Some(stored) => wanted.iter().any(|value| stored.compare(value).is_eq()) != *negated,
            },
            Node::Between { key, negated, low, high } => match self.value(*key, values)? {
                None => false,
                Some(stored) => (stored.compare(low).is_ge() && stored.compare(high).is_le()) != *negated,
            },
            Node::Like { key, negated, pattern } => match self.value(*key, values)? {
                Some(Value::Text(text)) => like(&text.chars().collect::<Vec<_>>(), pattern) != *negated,
                _ => false,
            },
        })
    }

    fn value(&self, key: usize, values: &[String]) -> ApiResult<Option<Value>> {
        let text = &values[key];
        if text == NULL_PARTITION {
            return Ok(None);
        }
        let Some(key_type) = self.types[key] else { return Err(invalid_input("Invalid partition expression!")) };
        key_type.cast(text).map(Some).map_err(|message| ApiError::new("InvalidStateException", message))
    }
}

/// `%` is any text, `_` one character.
fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        Some(('_', rest)) => !text.is_empty() && like(&text[1..], rest),
        Some((c, rest)) => text.first() == Some(c) && like(&text[1..], rest),
    }
}
