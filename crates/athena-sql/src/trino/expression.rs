//! Expressions, by precedence: OR, AND, NOT, predicates, `||`, `+ -`, `* / %`, sign, AT TIME ZONE, primary.

use crate::{
    ast::{
        BinaryOperator, DateTimeKind, Expr, ExprKind, FrameBound, FrameUnits, FunctionCall, Ident, IntervalUnit,
        NullTreatment, Pos, QualifiedName, Quantifier, SortItem, SubqueryQuantifier, UnaryOperator, WindowFrame,
        WindowSpec,
    },
    error::ParseError,
    lexer::TokenKind,
    parser::{Parsed, Parser, is_reserved},
};

fn expr(pos: Pos, kind: ExprKind) -> Expr {
    Expr { pos, kind }
}

fn binary(pos: Pos, left: Expr, operator: BinaryOperator, right: Expr) -> Expr {
    expr(pos, ExprKind::Binary(Box::new(left), operator, Box::new(right)))
}

impl Parser<'_> {
    /// An expression.
    pub(crate) fn expression(&mut self) -> Parsed<Expr> {
        self.nested(Self::disjunction)
    }

    fn disjunction(&mut self) -> Parsed<Expr> {
        let mut left = self.conjunction()?;
        let mut length = 0;
        while self.accept("OR") {
            self.link(&mut length)?;
            let pos = left.pos;
            let right = self.conjunction()?;
            left = binary(pos, left, BinaryOperator::Or, right);
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Parsed<Expr> {
        let mut left = self.negation()?;
        let mut length = 0;
        while self.accept("AND") {
            self.link(&mut length)?;
            let pos = left.pos;
            let right = self.negation()?;
            left = binary(pos, left, BinaryOperator::And, right);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        if self.is_word("NOT") {
            self.advance();
            let operand = self.nested(Self::negation)?;
            return Ok(expr(pos, ExprKind::Unary(UnaryOperator::Not, Box::new(operand))));
        }
        self.predicate()
    }

    fn comparison_operator(&mut self) -> Option<BinaryOperator> {
        let operator = match self.token() {
            TokenKind::Symbol("=") => BinaryOperator::Equal,
            TokenKind::Symbol("<>" | "!=") => BinaryOperator::NotEqual,
            TokenKind::Symbol("<") => BinaryOperator::Less,
            TokenKind::Symbol("<=") => BinaryOperator::LessOrEqual,
            TokenKind::Symbol(">") => BinaryOperator::Greater,
            TokenKind::Symbol(">=") => BinaryOperator::GreaterOrEqual,
            _ => return None,
        };
        self.advance();
        Some(operator)
    }

    fn predicate(&mut self) -> Parsed<Expr> {
        let mut left = self.concatenation()?;
        let mut length = 0;
        loop {
            self.link(&mut length)?;
            let pos = self.pos();
            if let Some(operator) = self.comparison_operator() {
                left = self.comparison(pos, left, operator)?;
                continue;
            }
            if self.is_word("IS") {
                self.advance();
                let negated = self.accept("NOT");
                if self.accept("NULL") {
                    left = expr(left.pos, ExprKind::IsNull(Box::new(left), negated));
                    continue;
                }
                self.expect("DISTINCT")?;
                self.expect("FROM")?;
                let right = self.concatenation()?;
                let kind = ExprKind::IsDistinctFrom { left: Box::new(left), right: Box::new(right), negated };
                left = expr(pos, kind);
                continue;
            }
            let negated = self.is_word("NOT");
            let at = usize::from(negated);
            if self.is_word_ahead(at, "BETWEEN") {
                (0..=at).for_each(|_| self.advance());
                let low = self.concatenation()?;
                self.expect("AND")?;
                let high = self.concatenation()?;
                let (value, low, high) = (Box::new(left), Box::new(low), Box::new(high));
                left = expr(pos, ExprKind::Between { value, low, high, negated });
            } else if self.is_word_ahead(at, "IN") {
                (0..=at).for_each(|_| self.advance());
                left = self.in_predicate(pos, left, negated)?;
            } else if self.is_word_ahead(at, "LIKE") {
                (0..=at).for_each(|_| self.advance());
                let pattern = Box::new(self.concatenation()?);
                let escape = if self.accept("ESCAPE") { Some(Box::new(self.concatenation()?)) } else { None };
                left = expr(pos, ExprKind::Like { value: Box::new(left), pattern, escape, negated });
            } else {
                return Ok(left);
            }
        }
    }

    fn comparison(&mut self, pos: Pos, left: Expr, operator: BinaryOperator) -> Parsed<Expr> {
        let quantifier = match self.token() {
            TokenKind::Word(word) if self.is_symbol_ahead(1, "(") => match word.to_uppercase().as_str() {
                "ALL" => Some(SubqueryQuantifier::All),
                "ANY" | "SOME" => Some(SubqueryQuantifier::Any),
                _ => None,
            },
            _ => None,
        };
        if let Some(quantifier) = quantifier {
            self.advance();
            self.expect_symbol("(")?;
            let query = Box::new(self.query()?);
            self.expect_symbol(")")?;
            let left = Box::new(left);
            return Ok(expr(pos, ExprKind::QuantifiedComparison { left, operator, quantifier, query }));
        }
        let right = self.concatenation()?;
        Ok(binary(pos, left, operator, right))
    }

    fn in_predicate(&mut self, pos: Pos, left: Expr, negated: bool) -> Parsed<Expr> {
        self.expect_symbol("(")?;
        if self.starts_query() {
            let query = Box::new(self.query()?);
            self.expect_symbol(")")?;
            return Ok(expr(pos, ExprKind::InSubquery(Box::new(left), query, negated)));
        }
        let items = self.list(Self::expression)?;
        self.expect_symbol(")")?;
        Ok(expr(pos, ExprKind::InList(Box::new(left), items, negated)))
    }

    fn concatenation(&mut self) -> Parsed<Expr> {
        let mut left = self.sum()?;
        let mut length = 0;
        while self.is_symbol("||") {
            self.link(&mut length)?;
            let pos = self.pos();
            self.advance();
            let right = self.sum()?;
            left = binary(pos, left, BinaryOperator::Concat, right);
        }
        Ok(left)
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let mut left = self.product()?;
        let mut length = 0;
        loop {
            self.link(&mut length)?;
            let pos = self.pos();
            let operator = match self.token() {
                TokenKind::Symbol("+") => BinaryOperator::Add,
                TokenKind::Symbol("-") => BinaryOperator::Subtract,
                _ => return Ok(left),
            };
            self.advance();
            let right = self.product()?;
            left = binary(pos, left, operator, right);
        }
    }

    fn product(&mut self) -> Parsed<Expr> {
        let mut left = self.signed()?;
        let mut length = 0;
        loop {
            self.link(&mut length)?;
            let pos = self.pos();
            let operator = match self.token() {
                TokenKind::Symbol("*") => BinaryOperator::Multiply,
                TokenKind::Symbol("/") => BinaryOperator::Divide,
                TokenKind::Symbol("%") => BinaryOperator::Modulo,
                _ => return Ok(left),
            };
            self.advance();
            let right = self.signed()?;
            left = binary(pos, left, operator, right);
        }
    }

    fn signed(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        let operator = match self.token() {
            TokenKind::Symbol("-") => UnaryOperator::Minus,
            TokenKind::Symbol("+") => UnaryOperator::Plus,
            _ => return self.zoned(),
        };
        self.advance();
        let operand = self.nested(Self::signed)?;
        Ok(expr(pos, ExprKind::Unary(operator, Box::new(operand))))
    }

    fn zoned(&mut self) -> Parsed<Expr> {
        let mut value = self.postfix()?;
        while self.is_word("AT") && self.is_word_ahead(1, "TIME") && self.is_word_ahead(2, "ZONE") {
            let pos = self.pos();
            (0..3).for_each(|_| self.advance());
            let zone = self.postfix()?;
            value = expr(pos, ExprKind::AtTimeZone(Box::new(value), Box::new(zone)));
        }
        Ok(value)
    }

    /// A primary with its subscripts and fields.
    fn postfix(&mut self) -> Parsed<Expr> {
        let mut value = self.primary()?;
        let mut length = 0;
        loop {
            self.link(&mut length)?;
            let pos = self.pos();
            if self.is_symbol("[") {
                self.advance();
                let index = self.expression()?;
                self.expect_symbol("]")?;
                value = expr(pos, ExprKind::Subscript(Box::new(value), Box::new(index)));
            } else if self.is_symbol(".") && !self.is_symbol_ahead(1, "*") {
                self.advance();
                let field = self.identifier()?;
                value = expr(value.pos, ExprKind::Dereference(Box::new(value), field));
            } else {
                return Ok(value);
            }
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        let kind = match self.token().clone() {
            TokenKind::Integer(digits) => self.taken(ExprKind::Integer(digits)),
            TokenKind::Decimal(digits) => self.taken(ExprKind::Decimal(digits)),
            TokenKind::Double(digits) => self.taken(ExprKind::Double(digits)),
            TokenKind::String(text) => self.taken(ExprKind::String(text)),
            TokenKind::Binary(bytes) => self.taken(ExprKind::Bytes(bytes)),
            TokenKind::Symbol("?") => {
                self.parameters += 1;
                self.taken(ExprKind::Parameter(self.parameters - 1))
            }
            TokenKind::Symbol("(") => return self.in_brackets(),
            TokenKind::Word(word) => return self.word(pos, &word),
            TokenKind::Quoted(_) => return self.name_or_call(pos),
            _ => return Err(self.expecting("<expression>")),
        };
        Ok(expr(pos, kind))
    }

    fn taken(&mut self, kind: ExprKind) -> ExprKind {
        self.advance();
        kind
    }

    /// `(query)`, `(a, b) -> …`, `(a, b)`, `(a)`.
    fn in_brackets(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        if let Some(parameters) = self.lambda_parameters() {
            let body = Box::new(self.expression()?);
            return Ok(expr(pos, ExprKind::Lambda(parameters, body)));
        }
        self.expect_symbol("(")?;
        if self.starts_query() {
            // `((SELECT 1) + 1)` begins like a query but is an expression.
            let mark = self.mark();
            let attempt = self.query().and_then(|query| self.expect_symbol(")").map(|()| query));
            match attempt {
                Ok(query) => return Ok(expr(pos, ExprKind::Subquery(Box::new(query)))),
                Err(error) if self.is_query_keyword_at(mark) => return Err(error),
                Err(_) => self.reset(mark),
            }
        }
        let mut items = self.list(Self::expression)?;
        self.expect_symbol(")")?;
        if items.len() == 1 {
            return Ok(items.remove(0));
        }
        Ok(expr(pos, ExprKind::Row(items)))
    }

    fn is_query_keyword_at(&mut self, mark: usize) -> bool {
        let here = self.mark();
        self.reset(mark);
        let is = ["SELECT", "WITH", "VALUES", "TABLE"].iter().any(|word| self.is_word(word));
        self.reset(here);
        is
    }

    /// The parameters of `(a, b) ->` or `() ->`, if a lambda stands here; nothing is taken otherwise.
    fn lambda_parameters(&mut self) -> Option<Vec<Ident>> {
        let mark = self.mark();
        self.advance();
        let mut parameters = Vec::new();
        loop {
            if self.is_symbol(")") && (parameters.is_empty() || !self.is_symbol_ahead(0, ",")) {
                self.advance();
                break;
            }
            match self.token() {
                TokenKind::Word(word) if !is_reserved(word) => {}
                TokenKind::Quoted(_) => {}
                _ => {
                    self.reset(mark);
                    return None;
                }
            }
            match self.identifier() {
                Ok(parameter) => parameters.push(parameter),
                Err(_) => {
                    self.reset(mark);
                    return None;
                }
            }
            if self.is_symbol(",") {
                self.advance();
            } else if !self.is_symbol(")") {
                self.reset(mark);
                return None;
            }
        }
        if self.is_symbol("->") {
            self.advance();
            return Some(parameters);
        }
        self.reset(mark);
        None
    }

    fn word(&mut self, pos: Pos, word: &str) -> Parsed<Expr> {
        let upper = word.to_uppercase();
        let call = self.is_symbol_ahead(1, "(");
        let string = matches!(self.ahead(1), TokenKind::String(_));
        let kind = match upper.as_str() {
            "NULL" => self.taken(ExprKind::Null),
            "TRUE" => self.taken(ExprKind::Boolean(true)),
            "FALSE" => self.taken(ExprKind::Boolean(false)),
            "CASE" => self.case()?,
            "CAST" | "TRY_CAST" if call => self.cast(upper == "TRY_CAST")?,
            "EXTRACT" if call => self.extract()?,
            "EXISTS" if call => {
                self.advance();
                self.expect_symbol("(")?;
                let query = Box::new(self.query()?);
                self.expect_symbol(")")?;
                ExprKind::Exists(query)
            }
            "GROUPING" if call => {
                self.advance();
                ExprKind::Grouping(self.bracketed(Self::expression)?)
            }
            "POSITION" if call => self.position()?,
            "TRIM" if call => self.trim()?,
            "ARRAY" if self.is_symbol_ahead(1, "[") => {
                self.advance();
                self.advance();
                let items = if self.is_symbol("]") { Vec::new() } else { self.list(Self::expression)? };
                self.expect_symbol("]")?;
                ExprKind::Array(items)
            }
            "ROW" if call => {
                self.advance();
                ExprKind::Row(self.bracketed(Self::expression)?)
            }
            "INTERVAL" if string || self.is_symbol_ahead(1, "-") || self.is_symbol_ahead(1, "+") => self.interval()?,
            "CURRENT_DATE" => self.date_time(DateTimeKind::Date)?,
            "CURRENT_TIME" => self.date_time(DateTimeKind::Time)?,
            "CURRENT_TIMESTAMP" => self.date_time(DateTimeKind::Timestamp)?,
            "LOCALTIME" => self.date_time(DateTimeKind::LocalTime)?,
            "LOCALTIMESTAMP" => self.date_time(DateTimeKind::LocalTimestamp)?,
            "CURRENT_USER" | "CURRENT_CATALOG" | "CURRENT_SCHEMA" => {
                self.taken(ExprKind::Session(upper.to_lowercase()))
            }
            "NORMALIZE" | "LISTAGG" | "JSON_ARRAY" | "JSON_OBJECT" | "JSON_EXISTS" | "JSON_QUERY" | "JSON_VALUE"
                if call =>
            {
                return self.reserved_call(pos, word);
            }
            _ if string && !is_reserved(word) => self.typed_literal()?,
            "DOUBLE" if self.is_word_ahead(1, "PRECISION") => {
                let type_name = self.type_name()?;
                ExprKind::Typed { type_name, text: self.string()? }
            }
            _ if self.is_symbol_ahead(1, "->") && !is_reserved(word) => {
                let parameter = self.identifier()?;
                self.advance();
                ExprKind::Lambda(vec![parameter], Box::new(self.expression()?))
            }
            _ if is_reserved(word) => return Err(self.expecting("<expression>")),
            _ => return self.name_or_call(pos),
        };
        Ok(expr(pos, kind))
    }

    fn typed_literal(&mut self) -> Parsed<ExprKind> {
        let type_name = self.type_name()?;
        Ok(ExprKind::Typed { type_name, text: self.string()? })
    }

    fn case(&mut self) -> Parsed<ExprKind> {
        self.advance();
        let operand = if self.is_word("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        let mut branches = Vec::new();
        while self.accept("WHEN") {
            let condition = self.expression()?;
            self.expect("THEN")?;
            branches.push((condition, self.expression()?));
        }
        if branches.is_empty() {
            return Err(self.mismatch());
        }
        let otherwise = if self.accept("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        self.expect("END")?;
        Ok(ExprKind::Case { operand, branches, otherwise })
    }

    fn cast(&mut self, safe: bool) -> Parsed<ExprKind> {
        self.advance();
        self.expect_symbol("(")?;
        let value = Box::new(self.expression()?);
        self.expect("AS")?;
        let type_name = self.type_name()?;
        self.expect_symbol(")")?;
        Ok(ExprKind::Cast { value, type_name, safe })
    }

    fn extract(&mut self) -> Parsed<ExprKind> {
        self.advance();
        self.expect_symbol("(")?;
        let field = self.identifier()?;
        self.expect("FROM")?;
        let value = Box::new(self.expression()?);
        self.expect_symbol(")")?;
        Ok(ExprKind::Extract(field, value))
    }

    /// `POSITION(a IN b)` is `strpos(b, a)`.
    fn position(&mut self) -> Parsed<ExprKind> {
        let pos = self.pos();
        self.advance();
        self.expect_symbol("(")?;
        let needle = self.concatenation()?;
        self.expect("IN")?;
        let text = self.concatenation()?;
        self.expect_symbol(")")?;
        Ok(call(pos, "strpos", vec![text, needle]))
    }

    /// `TRIM([LEADING|TRAILING|BOTH] [characters] FROM text)` or `TRIM(text[, characters])`.
    fn trim(&mut self) -> Parsed<ExprKind> {
        let pos = self.pos();
        self.advance();
        self.expect_symbol("(")?;
        let name = if self.accept("LEADING") {
            "ltrim"
        } else if self.accept("TRAILING") {
            "rtrim"
        } else {
            self.accept("BOTH");
            "trim"
        };
        if self.accept("FROM") {
            let text = self.expression()?;
            self.expect_symbol(")")?;
            return Ok(call(pos, name, vec![text]));
        }
        let first = self.expression()?;
        let arguments = if self.accept("FROM") {
            vec![self.expression()?, first]
        } else if self.accept_symbol(",") {
            vec![first, self.expression()?]
        } else {
            vec![first]
        };
        self.expect_symbol(")")?;
        Ok(call(pos, name, arguments))
    }

    fn interval(&mut self) -> Parsed<ExprKind> {
        self.advance();
        let negative = self.is_symbol("-");
        if negative || self.is_symbol("+") {
            self.advance();
        }
        let text = self.string()?;
        let from = self.interval_unit()?;
        let to = if self.accept("TO") { Some(self.interval_unit()?) } else { None };
        Ok(ExprKind::Interval { negative, text, from, to })
    }

    fn interval_unit(&mut self) -> Parsed<IntervalUnit> {
        let units = [
            ("YEAR", IntervalUnit::Year),
            ("MONTH", IntervalUnit::Month),
            ("WEEK", IntervalUnit::Week),
            ("DAY", IntervalUnit::Day),
            ("HOUR", IntervalUnit::Hour),
            ("MINUTE", IntervalUnit::Minute),
            ("SECOND", IntervalUnit::Second),
        ];
        for (name, unit) in units {
            if self.accept(name) {
                return Ok(unit);
            }
        }
        Err(self.mismatch())
    }

    fn date_time(&mut self, kind: DateTimeKind) -> Parsed<ExprKind> {
        self.advance();
        let mut precision = None;
        if kind != DateTimeKind::Date && self.is_symbol("(") {
            self.advance();
            precision = Some(self.integer()?);
            self.expect_symbol(")")?;
        }
        Ok(ExprKind::DateTime(kind, precision))
    }

    /// A call whose name is reserved, so that no identifier can be read.
    fn reserved_call(&mut self, pos: Pos, word: &str) -> Parsed<Expr> {
        self.advance();
        let name = QualifiedName { parts: vec![Ident { value: word.to_owned(), quoted: false, pos }] };
        self.call_of(pos, name)
    }

    fn name_or_call(&mut self, pos: Pos) -> Parsed<Expr> {
        let first = self.identifier()?;
        if self.is_symbol("(") {
            return self.call_of(pos, QualifiedName { parts: vec![first] });
        }
        if self.is_symbol("->") {
            self.advance();
            return Ok(expr(pos, ExprKind::Lambda(vec![first], Box::new(self.expression()?))));
        }
        // `schema.function(…)` is no call in Athena; a field of a column is read by `postfix`.
        Ok(expr(pos, ExprKind::Identifier(first)))
    }

    fn call_of(&mut self, pos: Pos, name: QualifiedName) -> Parsed<Expr> {
        let call = self.function_call(pos, name)?;
        Ok(expr(pos, ExprKind::Function(Box::new(call))))
    }

    /// Everything from the bracket on.
    pub(crate) fn function_call(&mut self, pos: Pos, name: QualifiedName) -> Parsed<FunctionCall> {
        self.expect_symbol("(")?;
        let mut call = FunctionCall {
            name,
            arguments: Vec::new(),
            star: false,
            quantifier: Quantifier::All,
            order_by: Vec::new(),
            filter: None,
            nulls: None,
            over: None,
            pos,
        };
        if self.accept_symbol("*") {
            call.star = true;
        } else if !self.is_symbol(")") {
            if self.accept("DISTINCT") {
                call.quantifier = Quantifier::Distinct;
            } else if self.is_word("ALL") && !self.is_symbol_ahead(1, "(") {
                self.advance();
            }
            if !self.is_word("ORDER") {
                call.arguments = self.list(Self::expression)?;
            }
            if self.accept("ORDER") {
                self.expect("BY")?;
                call.order_by = self.list(Self::sort_item)?;
            }
            if self.accept_all(&["ON", "OVERFLOW"]) {
                self.overflow()?;
            }
            call.nulls = self.null_treatment();
        }
        self.expect_symbol(")")?;
        if call.nulls.is_none() {
            call.nulls = self.null_treatment();
        }
        if self.accept_all(&["WITHIN", "GROUP"]) {
            self.expect_symbol("(")?;
            self.expect("ORDER")?;
            self.expect("BY")?;
            call.order_by = self.list(Self::sort_item)?;
            self.expect_symbol(")")?;
        }
        if self.is_word("FILTER") && self.is_symbol_ahead(1, "(") {
            self.advance();
            self.expect_symbol("(")?;
            self.expect("WHERE")?;
            call.filter = Some(self.expression()?);
            self.expect_symbol(")")?;
        }
        if call.nulls.is_none() {
            call.nulls = self.null_treatment();
        }
        if self.accept("OVER") {
            call.over = Some(if self.is_symbol("(") {
                self.window_spec()?
            } else {
                WindowSpec { base: Some(self.identifier()?), ..WindowSpec::default() }
            });
        }
        Ok(call)
    }

    fn overflow(&mut self) -> Parsed<()> {
        if self.accept("ERROR") {
            return Ok(());
        }
        Err(ParseError::at(self.pos(), "ON OVERFLOW TRUNCATE is not supported"))
    }

    fn null_treatment(&mut self) -> Option<NullTreatment> {
        if self.accept_all(&["IGNORE", "NULLS"]) {
            Some(NullTreatment::Ignore)
        } else if self.accept_all(&["RESPECT", "NULLS"]) {
            Some(NullTreatment::Respect)
        } else {
            None
        }
    }

    /// `([base] [PARTITION BY …] [ORDER BY …] [frame])`.
    pub(crate) fn window_spec(&mut self) -> Parsed<WindowSpec> {
        self.expect_symbol("(")?;
        let mut spec = WindowSpec::default();
        let words = ["PARTITION", "ORDER", "ROWS", "RANGE", "GROUPS"];
        if !self.is_symbol(")") && !words.iter().any(|word| self.is_word(word)) {
            spec.base = Some(self.identifier()?);
        }
        if self.accept("PARTITION") {
            self.expect("BY")?;
            spec.partition_by = self.list(Self::expression)?;
        }
        if self.accept("ORDER") {
            self.expect("BY")?;
            spec.order_by = self.list(Self::sort_item)?;
        }
        let units = if self.accept("ROWS") {
            Some(FrameUnits::Rows)
        } else if self.accept("RANGE") {
            Some(FrameUnits::Range)
        } else if self.accept("GROUPS") {
            Some(FrameUnits::Groups)
        } else {
            None
        };
        if let Some(units) = units {
            let frame = if self.accept("BETWEEN") {
                let start = self.frame_bound()?;
                self.expect("AND")?;
                WindowFrame { units, start, end: Some(self.frame_bound()?) }
            } else {
                WindowFrame { units, start: self.frame_bound()?, end: None }
            };
            spec.frame = Some(frame);
        }
        self.expect_symbol(")")?;
        Ok(spec)
    }

    fn frame_bound(&mut self) -> Parsed<FrameBound> {
        if self.accept("UNBOUNDED") {
            if self.accept("PRECEDING") {
                return Ok(FrameBound::UnboundedPreceding);
            }
            self.expect("FOLLOWING")?;
            return Ok(FrameBound::UnboundedFollowing);
        }
        if self.accept_all(&["CURRENT", "ROW"]) {
            return Ok(FrameBound::CurrentRow);
        }
        let value = Box::new(self.expression()?);
        if self.accept("PRECEDING") {
            return Ok(FrameBound::Preceding(value));
        }
        self.expect("FOLLOWING")?;
        Ok(FrameBound::Following(value))
    }

    /// `expression [ASC|DESC] [NULLS FIRST|LAST]`.
    pub(crate) fn sort_item(&mut self) -> Parsed<SortItem> {
        let expr = self.expression()?;
        let descending = !self.accept("ASC") && self.accept("DESC");
        let mut nulls_first = false;
        if self.accept("NULLS") {
            nulls_first = self.accept("FIRST");
            if !nulls_first {
                self.expect("LAST")?;
            }
        }
        Ok(SortItem { expr, descending, nulls_first })
    }
}

fn call(pos: Pos, name: &str, arguments: Vec<Expr>) -> ExprKind {
    ExprKind::Function(Box::new(FunctionCall {
        name: QualifiedName { parts: vec![Ident { value: name.to_owned(), quoted: false, pos }] },
        arguments,
        star: false,
        quantifier: Quantifier::All,
        order_by: Vec::new(),
        filter: None,
        nulls: None,
        over: None,
        pos,
    }))
}
