//! Finding, reading and hashing files.

use std::path::Path;

use project::{DbtProject, FileKind, ProjectFiles, ReadOptions, Verbatim};

fn read(files: &[(&str, &[u8])]) -> (ProjectFiles, Vec<diagnostic::Diagnostic>) {
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &str, bytes: &[u8]| {
        let path = directory.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    };
    for (path, bytes) in files {
        write(path, bytes);
    }
    let (project, _) = DbtProject::load(directory.path(), "", &Verbatim);
    ProjectFiles::read(&project.unwrap(), ReadOptions::default())
}

const PROJECT: (&str, &[u8]) = ("dbt_project.yml", b"name: shop\n");

#[test]
fn files_are_sorted_into_kinds() {
    let (files, diagnostics) = read(&[
        PROJECT,
        ("models/b.sql", b"select 2"),
        ("models/a/x.py", b"def model(dbt, session): ..."),
        ("models/a/schema.yml", b"version: 2"),
        ("models/empty.yml", b"  \n"),
        ("models/readme.md", b"{% docs x %}y{% enddocs %}"),
        ("models/upper.SQL", b"select 1"),
        ("macros/m.sql", b"{% macro m() %}{% endmacro %}"),
        ("tests/t.sql", b"select 1"),
        ("tests/generic/g.sql", b"{% test g(model) %}{% endtest %}"),
        ("tests/fixtures/f.csv", b"a\n1\n"),
        ("seeds/s.csv", b"a\r\n1\r\n"),
        ("snapshots/h.sql", b"{% snapshot h %}{% endsnapshot %}"),
        ("analyses/q.sql", b"select 1"),
        ("other/z.sql", b"select 1"),
    ]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let found: Vec<String> =
        files.files.iter().map(|file| format!("{:?} {} in {}", file.kind, file.path, file.search_path)).collect();
    assert_eq!(
        found,
        [
            "Macro macros/m.sql in macros",
            "GenericTest tests/generic/g.sql in tests",
            "Model models/a/x.py in models",
            "Model models/b.sql in models",
            "Model models/upper.SQL in models",
            "Snapshot snapshots/h.sql in snapshots",
            "Analysis analyses/q.sql in analyses",
            "SingularTest tests/t.sql in tests",
            "Seed seeds/s.csv in seeds",
            "Docs models/readme.md in models",
            "Fixture tests/fixtures/f.csv in tests",
            "Properties models/a/schema.yml in models",
        ]
    );
    let x = files.of_kind(FileKind::Model).next().unwrap();
    assert_eq!(
        (x.path_in_search_path(), x.stem(), x.extension(), x.file_id().as_str()),
        ("a/x.py", "x", "py", "shop://models/a/x.py")
    );
}

/// The digests were taken from the manifest of dbt Core 1.12.0 over the same bytes.
#[test]
fn checksums_are_dbts() {
    let (files, _) = read(&[
        PROJECT,
        ("models/a.sql", b"\n\n  select 1 as id  \n\n"),
        ("models/crlf.sql", b"select 1\r\nas id\r\n"),
        ("seeds/s.csv", b"id,name\n1,a\n"),
        ("seeds/crlf.csv", b"id,name\r\n1,a\r\n"),
        ("models/w.sql", "select  1,\t 2 as   x\n\n\n  from  y\u{b} z\u{a0}w".as_bytes()),
        ("models/p.py", b"def model(dbt,  session):\n    return   1\n"),
        ("seeds/w2.csv", b"a  b\n\n 1 \n"),
        ("seeds/big.csv", "id\n".repeat(400_000).as_bytes()),
    ]);
    let sums: Vec<String> = files
        .files
        .iter()
        .map(|file| format!("{} {} {}", file.path, file.checksum.name, file.checksum.checksum))
        .collect();
    assert_eq!(sums, EXPECTED_SUMS);
    let a = files.of_kind(FileKind::Model).next().unwrap();
    assert_eq!((&*a.contents, a.lines_before), ("select 1 as id", 2));
}

const EXPECTED_SUMS: [&str; 8] = [
    "models/a.sql sha256 3ea0f972fa1b56aa2dc2f56ee784b6a5796312f9a813d59ae70fd8855f10d16d",
    "models/crlf.sql sha256 3ea0f972fa1b56aa2dc2f56ee784b6a5796312f9a813d59ae70fd8855f10d16d",
    "models/p.py sha256 628500c1e45c4be258956aa400e0bc5c00e07a0ada637200a42e115b7e494421",
    "models/w.sql sha256 9d5f64eca1b600cadd2f49ea05b1eb0491d9e6949c59e8f170685dd4cf940983",
    "seeds/big.csv path seeds/big.csv",
    "seeds/crlf.csv sha256 8785bd65e2099267252e07a04b3ad2eb72f692775aae46d95ff6a49f0a864e4f",
    "seeds/s.csv sha256 8785bd65e2099267252e07a04b3ad2eb72f692775aae46d95ff6a49f0a864e4f",
    "seeds/w2.csv sha256 fcae108ae23d6c106c7f5dfd2c1379568ae18bedae4f82d18784731715a2b668",
];

/// Source: what `dbt ls` of dbt Core 1.12.0 lists of such a project.
#[test]
fn dbtignore_hides_files_and_directories() {
    let ignore = b"# c\nold/\n!models/old/keep.sql\n*.bak.sql\n/models/x/a.sql\nmodels/x/[bc].sql\n\\!odd.sql\n/models/secret.yml\n";
    let mut files: Vec<(&str, &[u8])> = vec![PROJECT, (".dbtignore", ignore), ("models/secret.yml", b"version: 2")];
    for path in ["old/keep", "old/gone", ".hid/h", "x/a", "x/b", "x/d", "y.bak", "z", "!odd"] {
        files.push((Box::leak(format!("models/{path}.sql").into_boxed_str()), b"select 1 as x"));
    }
    let (files, diagnostics) = read(&files);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    assert_eq!(
        files.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        ["models/.hid/h.sql", "models/old/keep.sql", "models/x/d.sql", "models/z.sql"]
    );
}

#[cfg(unix)]
#[test]
fn links_to_files_are_read_and_links_to_directories_are_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    write("dbt_project.yml", "name: shop\n");
    write("elsewhere/a.sql", "select 1");
    write("models/b.sql", "select 1");
    let link = |to: &str, from: &str| {
        fs_err::os::unix::fs::symlink(directory.path().join(to), directory.path().join(from)).unwrap();
    };
    link("elsewhere/a.sql", "models/linked.sql");
    link("elsewhere", "models/directory");
    link("nowhere", "models/broken.sql");
    let (project, _) = DbtProject::load(directory.path(), "", &Verbatim);
    let (files, diagnostics) = ProjectFiles::read(&project.unwrap(), ReadOptions::default());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    assert_eq!(
        files.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        ["models/b.sql", "models/linked.sql"]
    );
}

#[test]
fn a_file_that_is_not_text_is_reported_and_the_others_are_read() {
    let (files, diagnostics) = read(&[PROJECT, ("models/a.sql", b"select 1"), ("models/b.sql", b"\xff\xfe")]);
    assert_eq!(files.files.len(), 1);
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].what, "Runtime Error\n  Could not read models/b.sql");
    assert_eq!(diagnostics[0].fix.as_deref(), Some("save the file as UTF-8"));
}

#[test]
fn absolute_and_missing_paths_are_no_trouble() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs_err::write(elsewhere.path().join("m.sql"), "select 1").unwrap();
    let text = format!("name: shop\nmodel-paths: [{}, nowhere]\n", elsewhere.path().display());
    let source = project::SourceText::new("dbt_project.yml", text);
    fs_err::write(directory.path().join(".dbtignore"), "x\n").unwrap();
    let (project, _) = DbtProject::parse(Path::new(directory.path()), source, &Verbatim);
    let (files, diagnostics) = ProjectFiles::read(&project.unwrap(), ReadOptions::default());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    assert_eq!(files.of_kind(FileKind::Model).count(), 1);
}
