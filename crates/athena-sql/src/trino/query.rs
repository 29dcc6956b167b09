//! Queries and relations.

use crate::{
    ast::{
        Expr, ExprKind, GroupBy, GroupingElement, Ident, Join, JoinConstraint, JoinKind, QualifiedName, Query,
        QueryBody, Relation, RelationKind, SampleMethod, Select, SelectItem, SetOperator, VersionKind, With,
    },
    lexer::TokenKind,
    parser::{Parsed, Parser, is_reserved},
};

/// Words that are not reserved but cannot be an alias without `AS` where they stand.
const NO_ALIAS: &[&str] = &["LIMIT", "OFFSET", "FETCH", "WINDOW", "TABLESAMPLE", "MATCH_RECOGNIZE", "LATERAL"];

impl Parser<'_> {
    /// Whether a query may begin here.
    pub(crate) fn starts_query(&self) -> bool {
        let mut at = 0;
        while self.is_symbol_ahead(at, "(") {
            at += 1;
        }
        ["SELECT", "WITH", "VALUES"].iter().any(|word| self.is_word_ahead(at, word))
            || (self.is_word_ahead(at, "TABLE") && !self.is_symbol_ahead(at + 1, "("))
    }

    /// A query.
    pub(crate) fn query(&mut self) -> Parsed<Query> {
        self.nested(Self::query_rule)
    }

    fn query_rule(&mut self) -> Parsed<Query> {
        let pos = self.pos();
        let with = if self.accept("WITH") { Some(self.with()?) } else { None };
        let body = self.query_union()?;
        let mut order_by = Vec::new();
        if self.accept("ORDER") {
            self.expect("BY")?;
            order_by = self.list(Self::sort_item)?;
        }
        let mut offset = None;
        if self.accept("OFFSET") {
            offset = Some(self.row_count()?);
            let _ = self.accept("ROW") || self.accept("ROWS");
        }
        let (mut limit, mut with_ties) = (None, false);
        if self.accept("LIMIT") {
            if !self.accept("ALL") {
                limit = Some(self.row_count()?);
            }
        } else if self.accept("FETCH") {
            if !self.accept("FIRST") {
                self.expect("NEXT")?;
            }
            let one = Expr { pos: self.pos(), kind: ExprKind::Integer("1".to_owned()) };
            limit = Some(if self.is_word("ROW") || self.is_word("ROWS") { one } else { self.row_count()? });
            if !self.accept("ROW") {
                self.expect("ROWS")?;
            }
            if self.accept("WITH") {
                self.expect("TIES")?;
                with_ties = true;
            } else {
                self.expect("ONLY")?;
            }
        }
        Ok(Query { with, body, order_by, offset, limit, with_ties, pos })
    }

    fn row_count(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        if self.is_symbol("?") {
            self.advance();
            self.parameters += 1;
            return Ok(Expr { pos, kind: ExprKind::Parameter(self.parameters - 1) });
        }
        if let TokenKind::Integer(digits) = self.token() {
            let kind = ExprKind::Integer(digits.clone());
            self.advance();
            return Ok(Expr { pos, kind });
        }
        Err(self.expecting("<integer>"))
    }

    fn with(&mut self) -> Parsed<With> {
        let recursive = self.accept("RECURSIVE");
        let queries = self.list(|parser| {
            let name = parser.identifier()?;
            let columns = if parser.is_symbol("(") { parser.bracketed(Self::identifier)? } else { Vec::new() };
            parser.expect("AS")?;
            parser.expect_symbol("(")?;
            let query = parser.query()?;
            parser.expect_symbol(")")?;
            Ok((name, columns, query))
        })?;
        Ok(With { recursive, queries })
    }

    fn query_union(&mut self) -> Parsed<QueryBody> {
        let mut left = self.query_intersect()?;
        let mut length = 0;
        loop {
            self.link(&mut length)?;
            let pos = self.pos();
            let operator = if self.accept("UNION") {
                SetOperator::Union
            } else if self.accept("EXCEPT") {
                SetOperator::Except
            } else {
                return Ok(left);
            };
            let all = self.accept("ALL");
            if !all {
                self.accept("DISTINCT");
            }
            let right = Box::new(self.query_intersect()?);
            left = QueryBody::SetOperation { operator, all, left: Box::new(left), right, pos };
        }
    }

    fn query_intersect(&mut self) -> Parsed<QueryBody> {
        let mut left = self.query_primary()?;
        let mut length = 0;
        loop {
            self.link(&mut length)?;
            let pos = self.pos();
            if !self.accept("INTERSECT") {
                return Ok(left);
            }
            let all = self.accept("ALL");
            if !all {
                self.accept("DISTINCT");
            }
            let right = Box::new(self.query_primary()?);
            left = QueryBody::SetOperation { operator: SetOperator::Intersect, all, left: Box::new(left), right, pos };
        }
    }

    fn query_primary(&mut self) -> Parsed<QueryBody> {
        if self.is_symbol("(") {
            self.advance();
            let query = self.query()?;
            self.expect_symbol(")")?;
            return Ok(QueryBody::Subquery(Box::new(query)));
        }
        if self.accept("VALUES") {
            return Ok(QueryBody::Values(self.list(Self::expression)?));
        }
        if self.accept("TABLE") {
            return Ok(QueryBody::Table(self.qualified_name()?));
        }
        if self.is_word("SELECT") {
            return Ok(QueryBody::Select(Box::new(self.select()?)));
        }
        Err(self.expecting("<query>"))
    }

    fn select(&mut self) -> Parsed<Select> {
        let pos = self.pos();
        self.expect("SELECT")?;
        let distinct = self.accept("DISTINCT");
        if !distinct && self.is_word("ALL") {
            self.advance();
        }
        let items = self.list(Self::select_item)?;
        let from = if self.accept("FROM") { self.list(Self::relation)? } else { Vec::new() };
        let filter = if self.accept("WHERE") { Some(self.expression()?) } else { None };
        let group_by = if self.accept("GROUP") {
            self.expect("BY")?;
            Some(self.group_by()?)
        } else {
            None
        };
        let having = if self.accept("HAVING") { Some(self.expression()?) } else { None };
        let mut windows = Vec::new();
        if self.accept("WINDOW") {
            windows = self.list(|parser| {
                let name = parser.identifier()?;
                parser.expect("AS")?;
                Ok((name, parser.window_spec()?))
            })?;
        }
        Ok(Select { distinct, items, from, filter, group_by, having, windows, pos })
    }

    fn select_item(&mut self) -> Parsed<SelectItem> {
        let pos = self.pos();
        if self.accept_symbol("*") {
            return Ok(SelectItem::All(pos));
        }
        let expr = self.expression()?;
        if self.is_symbol(".") && self.is_symbol_ahead(1, "*") {
            self.advance();
            self.advance();
            let mut aliases = Vec::new();
            if self.is_word("AS") && self.is_symbol_ahead(1, "(") {
                self.advance();
                aliases = self.bracketed(Self::identifier)?;
            }
            return Ok(SelectItem::QualifiedAll { target: expr, aliases });
        }
        let alias = self.alias()?;
        Ok(SelectItem::Expr { expr, alias })
    }

    fn alias(&mut self) -> Parsed<Option<Ident>> {
        if self.accept("AS") {
            return self.identifier().map(Some);
        }
        match self.token() {
            TokenKind::Quoted(_) => self.identifier().map(Some),
            TokenKind::Word(word)
                if !is_reserved(word)
                    && !NO_ALIAS.iter().any(|other| other.eq_ignore_ascii_case(word))
                    && !word.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                self.identifier().map(Some)
            }
            _ => Ok(None),
        }
    }

    fn group_by(&mut self) -> Parsed<GroupBy> {
        let distinct = self.accept("DISTINCT");
        if !distinct && self.is_word("ALL") {
            self.advance();
        }
        let elements = self.list(Self::grouping_element)?;
        Ok(GroupBy { distinct, elements })
    }

    fn grouping_element(&mut self) -> Parsed<GroupingElement> {
        if self.is_word("ROLLUP") && self.is_symbol_ahead(1, "(") {
            self.advance();
            return Ok(GroupingElement::Rollup(self.bracketed(Self::grouping_set)?));
        }
        if self.is_word("CUBE") && self.is_symbol_ahead(1, "(") {
            self.advance();
            return Ok(GroupingElement::Cube(self.bracketed(Self::grouping_set)?));
        }
        if self.accept_all(&["GROUPING", "SETS"]) {
            return Ok(GroupingElement::Sets(self.bracketed(Self::grouping_set)?));
        }
        if self.is_word("AUTO") && !self.is_symbol_ahead(1, ".") && !self.is_symbol_ahead(1, "(") {
            self.advance();
            return Ok(GroupingElement::Auto);
        }
        self.grouping_set().map(GroupingElement::Simple)
    }

    fn grouping_set(&mut self) -> Parsed<Vec<Expr>> {
        if self.is_symbol("(") && self.is_symbol_ahead(1, ")") {
            self.advance();
            self.advance();
            return Ok(Vec::new());
        }
        let expr = self.expression()?;
        Ok(match expr.kind {
            ExprKind::Row(items) => items,
            _ => vec![expr],
        })
    }

    /// A relation with its joins.
    pub(crate) fn relation(&mut self) -> Parsed<Relation> {
        self.nested(Self::joins)
    }

    fn joins(&mut self) -> Parsed<Relation> {
        let pos = self.pos();
        let mut left = self.sampled()?;
        let mut length = 0;
        loop {
            self.link(&mut length)?;
            let natural = self.accept("NATURAL");
            let kind = if self.accept("CROSS") {
                self.expect("JOIN")?;
                JoinKind::Cross
            } else if self.accept("JOIN") {
                JoinKind::Inner
            } else if self.accept("INNER") {
                self.expect("JOIN")?;
                JoinKind::Inner
            } else {
                let kind = if self.accept("LEFT") {
                    JoinKind::Left
                } else if self.accept("RIGHT") {
                    JoinKind::Right
                } else if self.accept("FULL") {
                    JoinKind::Full
                } else if natural {
                    return Err(self.mismatch());
                } else {
                    return Ok(left);
                };
                self.accept("OUTER");
                self.expect("JOIN")?;
                kind
            };
            let right = if kind == JoinKind::Cross || natural { self.sampled()? } else { self.relation_before_on()? };
            let constraint = if kind == JoinKind::Cross {
                JoinConstraint::None
            } else if natural {
                JoinConstraint::Natural
            } else if self.accept("ON") {
                JoinConstraint::On(self.expression()?)
            } else if self.accept("USING") {
                JoinConstraint::Using(self.bracketed(Self::identifier)?)
            } else {
                return Err(self.mismatch());
            };
            let join = Join { kind, left, right, constraint, pos };
            left = Relation {
                kind: RelationKind::Join(Box::new(join)),
                alias: None,
                column_aliases: Vec::new(),
                sample: None,
                pos,
            };
        }
    }

    /// The right side of a join with condition may itself be a join: `a JOIN b JOIN c ON … ON …`.
    fn relation_before_on(&mut self) -> Parsed<Relation> {
        let mark = self.mark();
        let simple = self.sampled()?;
        if self.is_word("ON") || self.is_word("USING") {
            return Ok(simple);
        }
        self.reset(mark);
        self.relation()
    }

    fn sampled(&mut self) -> Parsed<Relation> {
        let mut relation = self.aliased()?;
        if self.accept("TABLESAMPLE") {
            let method = if self.accept("BERNOULLI") {
                SampleMethod::Bernoulli
            } else {
                self.expect("SYSTEM")?;
                SampleMethod::System
            };
            self.expect_symbol("(")?;
            relation.sample = Some((method, self.expression()?));
            self.expect_symbol(")")?;
        }
        Ok(relation)
    }

    fn aliased(&mut self) -> Parsed<Relation> {
        let pos = self.pos();
        if self.is_symbol("(") {
            let inner = self.bracketed_relation()?;
            let alias = self.alias()?;
            // Brackets around a relation change nothing, unless an alias follows them.
            if alias.is_some() {
                let column_aliases =
                    if alias.is_some() && self.is_symbol("(") { self.bracketed(Self::identifier)? } else { Vec::new() };
                let kind = match inner {
                    Relation { kind, alias: None, sample: None, .. } if !matches!(kind, RelationKind::Join(_)) => kind,
                    inner => RelationKind::Subquery { query: Box::new(all_of(inner)), lateral: false },
                };
                return Ok(Relation { kind, alias, column_aliases, sample: None, pos });
            }
            return Ok(inner);
        }
        let kind = self.relation_primary()?;
        let alias = self.alias()?;
        let column_aliases =
            if alias.is_some() && self.is_symbol("(") { self.bracketed(Self::identifier)? } else { Vec::new() };
        Ok(Relation { kind, alias, column_aliases, sample: None, pos })
    }

    /// `stop => 3`, or only `3`.
    fn table_argument(&mut self) -> Parsed<(Option<Ident>, Expr)> {
        let mut name = None;
        if self.is_symbol_ahead(1, "=>") {
            name = Some(self.identifier()?);
            self.expect_symbol("=>")?;
        }
        Ok((name, self.expression()?))
    }

    fn relation_primary(&mut self) -> Parsed<RelationKind> {
        if self.is_word("LATERAL") && self.is_symbol_ahead(1, "(") {
            self.advance();
            self.expect_symbol("(")?;
            let query = Box::new(self.query()?);
            self.expect_symbol(")")?;
            return Ok(RelationKind::Subquery { query, lateral: true });
        }
        if self.is_word("UNNEST") && self.is_symbol_ahead(1, "(") {
            self.advance();
            let exprs = self.bracketed(Self::expression)?;
            let with_ordinality = self.accept_all(&["WITH", "ORDINALITY"]);
            return Ok(RelationKind::Unnest { exprs, with_ordinality });
        }
        if self.is_word("TABLE") && self.is_symbol_ahead(1, "(") {
            self.advance();
            self.expect_symbol("(")?;
            let pos = self.pos();
            let name = self.qualified_name()?;
            let arguments = match self.is_symbol("(") && self.is_symbol_ahead(1, ")") {
                true => {
                    self.expect_symbol("(")?;
                    self.expect_symbol(")")?;
                    Vec::new()
                }
                false => self.bracketed(Self::table_argument)?,
            };
            self.expect_symbol(")")?;
            return Ok(RelationKind::TableFunction { name, arguments, pos });
        }
        let name = self.qualified_name()?;
        let mut version = None;
        if self.is_word("FOR") {
            self.advance();
            let kind = if self.accept("TIMESTAMP") {
                VersionKind::Timestamp
            } else {
                self.expect("VERSION")?;
                VersionKind::Version
            };
            self.expect("AS")?;
            self.expect("OF")?;
            version = Some((kind, self.expression()?));
        }
        Ok(RelationKind::Table { name, version })
    }

    /// `(query)` or `(relation)`.
    fn bracketed_relation(&mut self) -> Parsed<Relation> {
        let (mark, pos) = (self.mark(), self.pos());
        self.expect_symbol("(")?;
        if self.starts_query() {
            let attempt = self.query().and_then(|query| self.expect_symbol(")").map(|()| query));
            match attempt {
                Ok(query) => {
                    let kind = RelationKind::Subquery { query: Box::new(query), lateral: false };
                    return Ok(Relation { kind, alias: None, column_aliases: Vec::new(), sample: None, pos });
                }
                // `((SELECT …) AS a JOIN b …)` begins with brackets.
                Err(error) => {
                    self.reset(mark);
                    if !self.is_symbol_ahead(1, "(") {
                        return Err(error);
                    }
                    self.advance();
                }
            }
        }
        let inner = self.relation()?;
        self.expect_symbol(")")?;
        Ok(inner)
    }
}

/// `SELECT * FROM relation`.
fn all_of(relation: Relation) -> Query {
    let pos = relation.pos;
    let select = Select {
        distinct: false,
        items: vec![SelectItem::All(pos)],
        from: vec![relation],
        filter: None,
        group_by: None,
        having: None,
        windows: Vec::new(),
        pos,
    };
    Query {
        with: None,
        body: QueryBody::Select(Box::new(select)),
        order_by: Vec::new(),
        offset: None,
        limit: None,
        with_ties: false,
        pos,
    }
}

impl Query {
    /// `SELECT * FROM name`.
    pub fn of_table(name: QualifiedName) -> Self {
        let pos = name.pos();
        let kind = RelationKind::Table { name, version: None };
        all_of(Relation { kind, alias: None, column_aliases: Vec::new(), sample: None, pos })
    }
}
