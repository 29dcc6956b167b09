//! The bytes of a result object, and rows out of them again.

use athena_api::athena::{Datum, Row};

use crate::history::ResultFormat;

/// Appends a row. CSV: every value that is not NULL is quoted, NULL is nothing; each line ends with `\n`. Text: values joined with
/// tabs, `\n` between lines but none after the last.
pub(super) fn append_row(body: &mut Vec<u8>, format: ResultFormat, is_first: bool, row: &[Option<String>]) {
    match format {
        ResultFormat::Csv => append_csv(body, row.iter().map(Option::as_deref)),
        ResultFormat::Text => {
            if !is_first {
                body.push(b'\n');
            }
            for (index, value) in row.iter().enumerate() {
                if index > 0 {
                    body.push(b'\t');
                }
                body.extend_from_slice(value.as_deref().unwrap_or_default().as_bytes());
            }
        }
        ResultFormat::Nothing => {}
    }
}

/// One CSV line.
pub(super) fn append_csv<'a>(body: &mut Vec<u8>, values: impl Iterator<Item = Option<&'a str>>) {
    for (index, value) in values.enumerate() {
        if index > 0 {
            body.push(b',');
        }
        let Some(value) = value else { continue };
        body.push(b'"');
        for (part_index, part) in value.split('"').enumerate() {
            if part_index > 0 {
                body.extend_from_slice(b"\"\"");
            }
            body.extend_from_slice(part.as_bytes());
        }
        body.push(b'"');
    }
    body.push(b'\n');
}

/// The row that starts at `offset`, and where the next one starts.
pub(super) fn row_at(body: &[u8], offset: usize, format: ResultFormat) -> (Row, usize) {
    match format {
        ResultFormat::Csv => csv_row(body, offset),
        ResultFormat::Text | ResultFormat::Nothing => {
            let rest = &body[offset.min(body.len())..];
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            (Row { data: vec![datum(&rest[..end])] }, offset + end + 1)
        }
    }
}

fn csv_row(body: &[u8], mut at: usize) -> (Row, usize) {
    let mut data = Vec::new();
    loop {
        if body.get(at) == Some(&b'"') {
            let mut value = Vec::new();
            at += 1;
            loop {
                match (body.get(at), body.get(at + 1)) {
                    (Some(b'"'), Some(b'"')) => {
                        value.push(b'"');
                        at += 2;
                    }
                    (Some(b'"'), _) => {
                        at += 1;
                        break;
                    }
                    (Some(byte), _) => {
                        value.push(*byte);
                        at += 1;
                    }
                    (None, _) => break,
                }
            }
            data.push(datum(&value));
        } else {
            data.push(Datum { var_char_value: None });
        }
        match body.get(at) {
            Some(b',') => at += 1,
            _ => return (Row { data }, at + 1),
        }
    }
}

fn datum(value: &[u8]) -> Datum {
    Datum { var_char_value: Some(String::from_utf8_lossy(value).into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(row: Row) -> Vec<Option<String>> {
        row.data.into_iter().map(|datum| datum.var_char_value).collect()
    }

    #[test]
    fn csv_keeps_nulls_empty_texts_quotes_and_newlines() {
        let rows = [
            vec![Some("a".to_owned()), None, Some(String::new())],
            vec![Some("say \"hi\"\n, you".to_owned()), Some("ü".to_owned()), None],
            vec![None, None, None],
        ];
        let mut body = Vec::new();
        for row in &rows {
            append_row(&mut body, ResultFormat::Csv, false, row);
        }
        assert_eq!(
            String::from_utf8(body.clone()).expect("text"),
            "\"a\",,\"\"\n\"say \"\"hi\"\"\n, you\",\"ü\",\n,,\n"
        );
        let mut offset = 0;
        for row in &rows {
            let (read, next) = row_at(&body, offset, ResultFormat::Csv);
            assert_eq!(&values(read), row);
            offset = next;
        }
        assert_eq!(offset, body.len());
    }

    #[test]
    fn a_null_in_the_only_column_is_an_empty_line() {
        let mut body = Vec::new();
        append_row(&mut body, ResultFormat::Csv, true, &[None]);
        append_row(&mut body, ResultFormat::Csv, false, &[Some("x".to_owned())]);
        assert_eq!(body, b"\n\"x\"\n");
        assert_eq!(values(row_at(&body, 0, ResultFormat::Csv).0), [None]);
        assert_eq!(values(row_at(&body, 1, ResultFormat::Csv).0), [Some("x".to_owned())]);
    }

    #[test]
    fn text_lines_have_no_newline_after_the_last() {
        let mut body = Vec::new();
        append_row(&mut body, ResultFormat::Text, true, &[Some("a\tb".to_owned())]);
        append_row(&mut body, ResultFormat::Text, false, &[Some("c".to_owned())]);
        assert_eq!(body, b"a\tb\nc");
        let (first, next) = row_at(&body, 0, ResultFormat::Text);
        assert_eq!(values(first), [Some("a\tb".to_owned())]);
        assert_eq!(values(row_at(&body, next, ResultFormat::Text).0), [Some("c".to_owned())]);
    }
}
