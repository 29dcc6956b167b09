//! `tests/slugs/*.case` are files, and `*.expected` what becomes of them when slugs are added.

use std::path::Path;

use project::SourceText;
use schedules::{add_slugs, is_slug};

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slugs");
    let mut wrong = Vec::new();
    let mut cases: Vec<_> = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().unwrap() == "case");
    assert!(cases.len() > 5);
    for case in cases {
        let text = fs_err::read_to_string(&case).unwrap();
        let shown = shown(&text);
        let expected = case.with_extension("expected");
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs_err::write(&expected, shown).unwrap();
        } else if fs_err::read_to_string(&expected).unwrap_or_default() != shown {
            wrong.push(format!("{}:\n{shown}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE_CASES=1 rewrites what is expected\n{}", wrong.join("\n"));
}

fn shown(text: &str) -> String {
    let source = SourceText::new("paradime_schedules.yml", text);
    let deployed = ["Deployed By Name".to_owned()].into();
    let mut count = 0;
    let random = || {
        count += 1;
        [0xab, 0xcd, count]
    };
    let (rewrites, diagnostics) = add_slugs(std::slice::from_ref(&source), &deployed, random);
    let mut shown = String::new();
    for rewrite in &rewrites {
        for change in &rewrite.changes {
            shown.push_str(&format!("# {change}\n"));
        }
        shown.push_str(&rewrite.text);
        again(&rewrite.text);
    }
    for diagnostic in &diagnostics {
        shown.push_str(&format!("error: {diagnostic}\n"));
    }
    shown
}

/// A second time there is nothing to do, and every identifier is one.
fn again(text: &str) {
    let source = SourceText::new("paradime_schedules.yml", text);
    let deployed = ["Deployed By Name".to_owned()].into();
    let (rewrites, diagnostics) = add_slugs(&[source], &deployed, || [0, 0, 0]);
    assert_eq!((rewrites, diagnostics), (Vec::new(), Vec::new()));
    for line in text.lines() {
        if let Some((_, slug)) = line.trim().split_once("slug: ").filter(|_| !line.contains('{')) {
            assert!(is_slug(slug.trim_matches('"')), "{slug}");
        }
    }
}
