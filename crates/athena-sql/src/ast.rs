//! Trino's queries and expressions as a tree. Every node that can be wrong knows its position.

use std::fmt;

/// A position in the statement's text: line and column from 1, columns in UTF-16 units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Pos {
    /// From 1; 0 when unknown.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

impl fmt::Display for Pos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}:{}", self.line, self.column)
    }
}

/// A name as it was written, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ident {
    /// The name; its case is the writer's.
    pub value: String,
    /// Whether it stood in quotes.
    pub quoted: bool,
    /// Where it stands.
    pub pos: Pos,
}

impl Ident {
    /// The name as Athena compares it.
    pub fn lower(&self) -> String {
        self.value.to_lowercase()
    }
}

/// `a.b.c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedName {
    /// At least one.
    pub parts: Vec<Ident>,
}

impl QualifiedName {
    /// Where the name begins.
    pub fn pos(&self) -> Pos {
        self.parts.first().map(|part| part.pos).unwrap_or_default()
    }

    /// The last part, lower-cased.
    pub fn last(&self) -> String {
        self.parts.last().map(Ident::lower).unwrap_or_default()
    }

    /// All parts, lower-cased, with dots.
    pub fn lower(&self) -> String {
        self.parts.iter().map(Ident::lower).collect::<Vec<_>>().join(".")
    }
}

/// `WITH … SELECT … ORDER BY … OFFSET … LIMIT …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The common table expressions, in order.
    pub with: Option<With>,
    /// What is selected.
    pub body: QueryBody,
    /// `ORDER BY`.
    pub order_by: Vec<SortItem>,
    /// `OFFSET n`.
    pub offset: Option<Expr>,
    /// `LIMIT n` or `FETCH FIRST n ROWS`; `LIMIT ALL` is `None`.
    pub limit: Option<Expr>,
    /// `FETCH FIRST … WITH TIES`.
    pub with_ties: bool,
    /// Where it begins.
    pub pos: Pos,
}

/// The `WITH` clause.
#[derive(Debug, Clone, PartialEq)]
pub struct With {
    /// `WITH RECURSIVE`.
    pub recursive: bool,
    /// Name, column aliases, query.
    pub queries: Vec<(Ident, Vec<Ident>, Query)>,
}

/// The part of a query that `ORDER BY` and `LIMIT` apply to.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryBody {
    /// `SELECT …`.
    Select(Box<Select>),
    /// `VALUES …`: rows of expressions.
    Values(Vec<Expr>),
    /// `TABLE t`.
    Table(QualifiedName),
    /// `( query )`.
    Subquery(Box<Query>),
    /// `a UNION ALL b` and its like.
    SetOperation {
        /// Which.
        operator: SetOperator,
        /// `ALL` keeps duplicates.
        all: bool,
        /// The query before the operator.
        left: Box<QueryBody>,
        /// The query behind the operator.
        right: Box<QueryBody>,
        /// Where the operator stands.
        pos: Pos,
    },
}

/// `UNION`, `INTERSECT`, `EXCEPT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOperator {
    /// Rows of either.
    Union,
    /// Rows of both.
    Intersect,
    /// Rows of the left only.
    Except,
}

/// `SELECT … FROM … WHERE … GROUP BY … HAVING … WINDOW …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// `SELECT DISTINCT`.
    pub distinct: bool,
    /// The select list.
    pub items: Vec<SelectItem>,
    /// The relations of `FROM`, to be joined by cross joins.
    pub from: Vec<Relation>,
    /// `WHERE`.
    pub filter: Option<Expr>,
    /// `GROUP BY`.
    pub group_by: Option<GroupBy>,
    /// `HAVING`.
    pub having: Option<Expr>,
    /// `WINDOW w AS (…)`.
    pub windows: Vec<(Ident, WindowSpec)>,
    /// Where `SELECT` stands.
    pub pos: Pos,
}

/// One entry of a select list.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// `expression [AS] alias`.
    Expr {
        /// The value.
        expr: Expr,
        /// Its name.
        alias: Option<Ident>,
    },
    /// `*`.
    All(Pos),
    /// `t.*` or `row.*`, with aliases `AS (a, b)`.
    QualifiedAll {
        /// Before the star.
        target: Expr,
        /// After it.
        aliases: Vec<Ident>,
    },
}

/// `GROUP BY [DISTINCT] element, …`.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupBy {
    /// `DISTINCT` drops repeated grouping sets.
    pub distinct: bool,
    /// The elements; their sets are multiplied.
    pub elements: Vec<GroupingElement>,
}

/// An element of `GROUP BY`.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupingElement {
    /// One expression, or several in brackets: one set.
    Simple(Vec<Expr>),
    /// `ROLLUP (…)`.
    Rollup(Vec<Vec<Expr>>),
    /// `CUBE (…)`.
    Cube(Vec<Vec<Expr>>),
    /// `GROUPING SETS (…)`.
    Sets(Vec<Vec<Expr>>),
    /// `AUTO`: every select item without aggregate.
    Auto,
}

/// `expression [ASC|DESC] [NULLS FIRST|LAST]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SortItem {
    /// What to sort by.
    pub expr: Expr,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS FIRST`; nulls are last without it, whatever the direction.
    pub nulls_first: bool,
}

/// A relation of `FROM` with its alias.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// What it is.
    pub kind: RelationKind,
    /// `AS alias`.
    pub alias: Option<Ident>,
    /// `AS alias (a, b)`.
    pub column_aliases: Vec<Ident>,
    /// `TABLESAMPLE BERNOULLI|SYSTEM (percentage)`.
    pub sample: Option<(SampleMethod, Expr)>,
    /// Where it begins.
    pub pos: Pos,
}

/// `TABLESAMPLE`'s method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleMethod {
    /// Row by row.
    Bernoulli,
    /// Split by split.
    System,
}

/// What a relation is.
#[derive(Debug, Clone, PartialEq)]
pub enum RelationKind {
    /// A table, view or common table expression.
    Table {
        /// Its name.
        name: QualifiedName,
        /// `FOR TIMESTAMP|VERSION AS OF expression`.
        version: Option<(VersionKind, Expr)>,
    },
    /// `( query )`, which sees the relations on its left when `lateral`.
    Subquery {
        /// The query.
        query: Box<Query>,
        /// `LATERAL`.
        lateral: bool,
    },
    /// `UNNEST (a, b) [WITH ORDINALITY]`.
    Unnest {
        /// Arrays and maps.
        exprs: Vec<Expr>,
        /// A last column with the position.
        with_ordinality: bool,
    },
    /// `TABLE(function(…))`; arguments may be named: `start => 0`.
    TableFunction { name: QualifiedName, arguments: Vec<(Option<Ident>, Expr)>, pos: Pos },
    /// `a JOIN b`.
    Join(Box<Join>),
}

/// What a table's version is given as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionKind {
    /// `FOR TIMESTAMP AS OF`.
    Timestamp,
    /// `FOR VERSION AS OF`.
    Version,
}

/// `left kind JOIN right constraint`.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Its kind.
    pub kind: JoinKind,
    /// Left side.
    pub left: Relation,
    /// Right side.
    pub right: Relation,
    /// How rows match.
    pub constraint: JoinConstraint,
    /// Where the left side begins.
    pub pos: Pos,
}

/// The kind of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// `CROSS JOIN`.
    Cross,
    /// `[INNER] JOIN`.
    Inner,
    /// `LEFT [OUTER] JOIN`.
    Left,
    /// `RIGHT [OUTER] JOIN`.
    Right,
    /// `FULL [OUTER] JOIN`.
    Full,
}

/// The condition of a join.
#[derive(Debug, Clone, PartialEq)]
pub enum JoinConstraint {
    /// None: a cross join.
    None,
    /// `ON condition`.
    On(Expr),
    /// `USING (a, b)`.
    Using(Vec<Ident>),
    /// `NATURAL`.
    Natural,
}

/// An expression and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Where it is reported: an operator's position for binary ones, as Trino has it.
    pub pos: Pos,
    /// What it is.
    pub kind: ExprKind,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `NULL`.
    Null,
    /// `TRUE`, `FALSE`.
    Boolean(bool),
    /// `42`: integer or bigint.
    Integer(String),
    /// `1.5`: a double in Athena.
    Decimal(String),
    /// `1.5E0`.
    Double(String),
    /// `'text'`, `U&'…'`.
    String(String),
    /// `X'0aff'`.
    Bytes(Vec<u8>),
    /// `DATE '2020-01-01'`, `DECIMAL '1.50'`, `JSON '[]'`.
    Typed {
        /// The type.
        type_name: TypeName,
        /// The text.
        text: String,
    },
    /// `INTERVAL '1' DAY`.
    Interval {
        /// `INTERVAL -'1' DAY`.
        negative: bool,
        /// The text.
        text: String,
        /// The unit, the first of a range.
        from: IntervalUnit,
        /// The last unit of a range.
        to: Option<IntervalUnit>,
    },
    /// `a`.
    Identifier(Ident),
    /// `a.b`.
    Dereference(Box<Expr>, Ident),
    /// `?`, counted from 0.
    Parameter(usize),
    /// `-a`, `NOT a`.
    Unary(UnaryOperator, Box<Expr>),
    /// `a + b`, `a AND b`, `a = b`.
    Binary(Box<Expr>, BinaryOperator, Box<Expr>),
    /// `a IS [NOT] DISTINCT FROM b`.
    IsDistinctFrom {
        /// Left.
        left: Box<Expr>,
        /// Right.
        right: Box<Expr>,
        /// `NOT`.
        negated: bool,
    },
    /// `a IS [NOT] NULL`.
    IsNull(Box<Expr>, bool),
    /// `a [NOT] BETWEEN low AND high`.
    Between {
        /// The value.
        value: Box<Expr>,
        /// Lower bound, inclusive.
        low: Box<Expr>,
        /// Upper bound, inclusive.
        high: Box<Expr>,
        /// `NOT`.
        negated: bool,
    },
    /// `a [NOT] IN (b, c)`.
    InList(Box<Expr>, Vec<Expr>, bool),
    /// `a [NOT] IN (query)`.
    InSubquery(Box<Expr>, Box<Query>, bool),
    /// `a [NOT] LIKE pattern [ESCAPE e]`.
    Like {
        /// The text.
        value: Box<Expr>,
        /// The pattern.
        pattern: Box<Expr>,
        /// One character.
        escape: Option<Box<Expr>>,
        /// `NOT`.
        negated: bool,
    },
    /// `EXISTS (query)`.
    Exists(Box<Query>),
    /// `(query)` as a value.
    Subquery(Box<Query>),
    /// `a > ALL (query)`.
    QuantifiedComparison {
        /// Left.
        left: Box<Expr>,
        /// A comparison.
        operator: BinaryOperator,
        /// `ALL`, `ANY`.
        quantifier: SubqueryQuantifier,
        /// Right.
        query: Box<Query>,
    },
    /// `CASE [operand] WHEN … THEN … ELSE … END`.
    Case {
        /// `CASE operand`.
        operand: Option<Box<Expr>>,
        /// `WHEN` and `THEN`.
        branches: Vec<(Expr, Expr)>,
        /// `ELSE`.
        otherwise: Option<Box<Expr>>,
    },
    /// `CAST(a AS type)`, `TRY_CAST(a AS type)`.
    Cast {
        /// The value.
        value: Box<Expr>,
        /// The type.
        type_name: TypeName,
        /// `TRY_CAST`.
        safe: bool,
    },
    /// `EXTRACT(field FROM a)`.
    Extract(Ident, Box<Expr>),
    /// `a AT TIME ZONE zone`.
    AtTimeZone(Box<Expr>, Box<Expr>),
    /// `f(…)`.
    Function(Box<FunctionCall>),
    /// `x -> body`, `(x, y) -> body`.
    Lambda(Vec<Ident>, Box<Expr>),
    /// `ARRAY[a, b]`.
    Array(Vec<Expr>),
    /// `ROW(a, b)`, `(a, b)`.
    Row(Vec<Expr>),
    /// `a[i]`.
    Subscript(Box<Expr>, Box<Expr>),
    /// `CURRENT_DATE`, `LOCALTIMESTAMP(3)`, ….
    DateTime(DateTimeKind, Option<u32>),
    /// `CURRENT_USER`, `CURRENT_CATALOG`, `CURRENT_SCHEMA`.
    Session(String),
    /// `GROUPING(a, b)`.
    Grouping(Vec<Expr>),
}

/// What comes before its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOperator {
    /// `-`.
    Minus,
    /// `+`.
    Plus,
    /// `NOT`.
    Not,
}

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `||`
    Concat,
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `=`
    Equal,
    /// `<>`, `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl BinaryOperator {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Concat => "||",
            Self::And => "AND",
            Self::Or => "OR",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// `=`, `<>`, `<`, `<=`, `>`, `>=`.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual
        )
    }
}

/// `ALL`, `ANY` or `SOME` of a comparison with a subquery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubqueryQuantifier {
    /// Every row.
    All,
    /// `ANY` or `SOME`.
    Any,
}

/// The functions that are written without brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateTimeKind {
    /// `CURRENT_DATE`.
    Date,
    /// `CURRENT_TIME`.
    Time,
    /// `CURRENT_TIMESTAMP`.
    Timestamp,
    /// `LOCALTIME`.
    LocalTime,
    /// `LOCALTIMESTAMP`.
    LocalTimestamp,
}

/// The units of interval literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IntervalUnit {
    /// `YEAR`.
    Year,
    /// `MONTH`.
    Month,
    /// `WEEK`.
    Week,
    /// `DAY`.
    Day,
    /// `HOUR`.
    Hour,
    /// `MINUTE`.
    Minute,
    /// `SECOND`.
    Second,
}

/// `DISTINCT` or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quantifier {
    /// Every value.
    #[default]
    All,
    /// Each value once.
    Distinct,
}

/// `IGNORE NULLS` or `RESPECT NULLS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullTreatment {
    /// Skip them.
    Ignore,
    /// Keep them, as without any word.
    Respect,
}

/// A call with everything that may hang on it.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionCall {
    /// The function.
    pub name: QualifiedName,
    /// Its arguments.
    pub arguments: Vec<Expr>,
    /// `count(*)`.
    pub star: bool,
    /// `DISTINCT`.
    pub quantifier: Quantifier,
    /// `ORDER BY` among the arguments, or of `WITHIN GROUP`.
    pub order_by: Vec<SortItem>,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
    /// `IGNORE NULLS`.
    pub nulls: Option<NullTreatment>,
    /// `OVER w` or `OVER (…)`.
    pub over: Option<WindowSpec>,
    /// `ON OVERFLOW TRUNCATE …` of `listagg` is not kept; `ERROR` is the default.
    pub pos: Pos,
}

/// What `OVER` names or describes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WindowSpec {
    /// The window it builds on.
    pub base: Option<Ident>,
    /// `PARTITION BY`.
    pub partition_by: Vec<Expr>,
    /// `ORDER BY`.
    pub order_by: Vec<SortItem>,
    /// `ROWS BETWEEN … AND …`.
    pub frame: Option<WindowFrame>,
}

/// The frame of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowFrame {
    /// What is counted.
    pub units: FrameUnits,
    /// First row.
    pub start: FrameBound,
    /// Last row; the current row when left out.
    pub end: Option<FrameBound>,
}

/// `ROWS`, `RANGE`, `GROUPS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameUnits {
    /// Rows.
    Rows,
    /// Values.
    Range,
    /// Peer groups.
    Groups,
}

/// An end of a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameBound {
    /// `UNBOUNDED PRECEDING`.
    UnboundedPreceding,
    /// `n PRECEDING`.
    Preceding(Box<Expr>),
    /// `CURRENT ROW`.
    CurrentRow,
    /// `n FOLLOWING`.
    Following(Box<Expr>),
    /// `UNBOUNDED FOLLOWING`.
    UnboundedFollowing,
}

/// A type in Trino's spelling.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeName {
    /// `bigint`, `decimal(10, 2)`, `timestamp(3) with time zone`; the name is lower-case, with all its words.
    Simple {
        /// The name.
        name: String,
        /// Its numbers.
        arguments: Vec<u32>,
        /// Where it stands.
        pos: Pos,
    },
    /// `array(t)`.
    Array(Box<TypeName>),
    /// `map(k, v)`.
    Map(Box<TypeName>, Box<TypeName>),
    /// `row(a t, u)`.
    Row(Vec<(Option<Ident>, TypeName)>),
}
