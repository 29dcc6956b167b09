//! What a property file says of a macro's arguments, compared with the macro.

use artifacts::manifest::{Macro, MacroArgument};
use diagnostic::Diagnostic;
use project::{PropertyFile, yaml::Position};

/// Warns of arguments with other names, another number of them, and types that are none.
///
/// Source: dbt Core 1.12, `_check_patch_arguments`.
pub(super) fn check(
    found: &Macro,
    written: &[MacroArgument],
    file: &PropertyFile,
    position: Position,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let name = &found.name;
    let mut warn = |what: String, fix: &str| {
        diagnostics.push(file.source.warning(position, what).named("InvalidMacroAnnotation").fix(fix));
    };
    for (of_macro, argument) in found.arguments.iter().zip(written) {
        if of_macro.name != argument.name {
            let what =
                format!("Argument {} in yaml for macro {name} does not match the jinja definition.", argument.name);
            warn(what, &format!("the macro names it '{}'", of_macro.name));
        }
    }
    if found.arguments.len() != written.len() {
        let what = format!("The number of arguments in the yaml for macro {name} does not match the jinja definition.");
        warn(what, &format!("the macro has {}", found.arguments.len()));
    }
    for argument in written {
        let Some(kind) = argument.kind.as_deref().filter(|kind| !kind.trim().is_empty()) else { continue };
        if !is_type(kind) {
            let what = format!("Argument {} in the yaml for macro {name} has an invalid type.", argument.name);
            warn(
                what,
                "write one of string, bool, integer, float, any, relation, column, list[…], dict[…, …], optional[…]",
            );
        }
    }
}

/// Whether dbt knows the type: `string`, `list[string]`, `dict[string, list[int]]`.
fn is_type(text: &str) -> bool {
    let text: String = text.chars().filter(|c| !matches!(c, ' ' | '\t')).collect();
    after_type(&text) == Some("")
}

/// What follows the type at the start of the text.
fn after_type(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let parameters = match name {
        "str" | "string" | "bool" | "int" | "integer" | "float" | "any" | "relation" | "column" => return Some(rest),
        "list" | "optional" => 1,
        "dict" => 2,
        _ => return None,
    };
    for index in 0..parameters {
        rest = after_type(rest.strip_prefix(if index == 0 { '[' } else { ',' })?)?;
    }
    rest.strip_prefix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_may_be_nested() {
        for known in ["string", "list[string]", "dict[string, list[int]]", "optional[ relation ]"] {
            assert!(is_type(known), "{known}");
        }
        for unknown in ["strin", "list", "list[string", "dict[string]", "string[int]", "List[string]", ""] {
            assert!(!is_type(unknown), "{unknown}");
        }
    }
}
