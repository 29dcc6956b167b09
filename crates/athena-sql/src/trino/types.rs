//! Types: `bigint`, `decimal(10, 2)`, `timestamp(3) with time zone`, `array(row(a bigint))`, `map(varchar, bigint)`.

use crate::{
    ast::TypeName,
    lexer::TokenKind,
    parser::{Parsed, Parser},
};

impl Parser<'_> {
    /// A type.
    pub(crate) fn type_name(&mut self) -> Parsed<TypeName> {
        self.nested(Self::type_rule)
    }

    fn type_rule(&mut self) -> Parsed<TypeName> {
        let mut base = self.base_type()?;
        // `bigint ARRAY` is an old spelling of `array(bigint)`.
        while self.is_word("ARRAY") {
            self.advance();
            base = TypeName::Array(Box::new(base));
        }
        Ok(base)
    }

    fn base_type(&mut self) -> Parsed<TypeName> {
        let pos = self.pos();
        let name = match self.token() {
            TokenKind::Word(word) => word.to_lowercase(),
            TokenKind::Quoted(word) => word.to_lowercase(),
            _ => return Err(self.expecting("<type>")),
        };
        if name == "row" && self.is_symbol_ahead(1, "(") {
            self.advance();
            return Ok(TypeName::Row(self.bracketed(Self::row_field)?));
        }
        if name == "array" && (self.is_symbol_ahead(1, "(") || self.is_symbol_ahead(1, "<")) {
            self.advance();
            let close = self.open_type()?;
            let element = self.type_name()?;
            self.expect_symbol(close)?;
            return Ok(TypeName::Array(Box::new(element)));
        }
        if name == "map" && (self.is_symbol_ahead(1, "(") || self.is_symbol_ahead(1, "<")) {
            self.advance();
            let close = self.open_type()?;
            let key = self.type_name()?;
            self.expect_symbol(",")?;
            let value = self.type_name()?;
            self.expect_symbol(close)?;
            return Ok(TypeName::Map(Box::new(key), Box::new(value)));
        }
        if !matches!(self.token(), TokenKind::Quoted(_)) {
            self.identifier_or_type_word()?;
        } else {
            self.advance();
        }
        let mut name = name;
        if name == "double" {
            self.accept("PRECISION");
        }
        if name == "interval" {
            let words: &[&str] = if self.is_word("DAY") { &["DAY", "TO", "SECOND"] } else { &["YEAR", "TO", "MONTH"] };
            if !self.accept_all(words) {
                return Err(self.mismatch());
            }
            name = format!("interval {}", words.join(" ").to_lowercase());
        }
        let mut arguments = Vec::new();
        if self.is_symbol("(") {
            arguments = self.bracketed(Self::integer)?;
        }
        if name == "timestamp" || name == "time" {
            if self.accept_all(&["WITH", "TIME", "ZONE"]) {
                name.push_str(" with time zone");
            } else {
                self.accept_all(&["WITHOUT", "TIME", "ZONE"]);
            }
        }
        Ok(TypeName::Simple { name, arguments, pos })
    }

    fn identifier_or_type_word(&mut self) -> Parsed<()> {
        // `date`, `time`, `interval`… are not reserved, so an identifier covers all type names.
        self.identifier().map(|_| ())
    }

    fn open_type(&mut self) -> Parsed<&'static str> {
        if self.is_symbol("<") {
            self.advance();
            return Ok(">");
        }
        self.expect_symbol("(").map(|()| ")")
    }

    fn row_field(&mut self) -> Parsed<(Option<crate::ast::Ident>, TypeName)> {
        // A field is `name type` or `type`: it has a name when another type follows the first word.
        let named = match self.token() {
            TokenKind::Quoted(_) => true,
            TokenKind::Word(word) => {
                let next_begins_type = matches!(self.ahead(1), TokenKind::Word(_) | TokenKind::Quoted(_));
                let continues = match word.to_uppercase().as_str() {
                    "DOUBLE" => self.is_word_ahead(1, "PRECISION"),
                    "TIME" | "TIMESTAMP" => self.is_word_ahead(1, "WITH") || self.is_word_ahead(1, "WITHOUT"),
                    "INTERVAL" => {
                        (self.is_word_ahead(1, "DAY") || self.is_word_ahead(1, "YEAR")) && self.is_word_ahead(2, "TO")
                    }
                    _ => false,
                };
                next_begins_type && !continues
            }
            _ => false,
        };
        let name = if named { Some(self.identifier()?) } else { None };
        Ok((name, self.type_name()?))
    }
}
