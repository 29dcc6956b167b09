//! Compiles every block and template of the given folders and lists what fails:
//! `cargo run -p jinja --example parse_files -- <folder>…`

use std::io::Write;
use std::path::{Path, PathBuf};

use jinja::{BlockKind, MacroDef, Template, extract_blocks};

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "sql" || extension == "md") {
            found.push(path);
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    let mut paths = Vec::new();
    for folder in std::env::args().skip(1) {
        files(Path::new(&folder), &mut paths)?;
    }
    let kinds = [BlockKind::Macro, BlockKind::Materialization, BlockKind::Test, BlockKind::Snapshot, BlockKind::Docs];
    let (mut blocks, mut bytes, mut templates, mut failures) = (0, 0, 0, 0);
    for path in &paths {
        let text = std::fs::read_to_string(path)?;
        let name = path.display().to_string();
        let markdown = path.extension().is_some_and(|extension| extension == "md");
        let found = extract_blocks(&text, if markdown { &[BlockKind::Docs] } else { &kinds });
        let mut fail = |what: &str, error: jinja::Error| {
            failures += 1;
            writeln!(out, "{name}: {what}: {error} (line {:?})", error.line())
        };
        match found {
            Err(error) => fail("blocks", error)?,
            Ok(found) if found.blocks.is_empty() && !markdown => {
                templates += 1;
                if let Err(error) = Template::compile(&text, &name) {
                    fail("template", error)?;
                }
            }
            Ok(found) => {
                for block in found.blocks {
                    blocks += 1;
                    bytes += block.full.len() + block.contents.len() * 7;
                    let error = match block.kind {
                        BlockKind::Snapshot => Template::compile(block.contents, &name).err(),
                        BlockKind::Docs => None,
                        _ => MacroDef::compile(block.full, block.name, &name).err(),
                    };
                    if let Some(error) = error {
                        fail(block.name, error)?;
                    }
                }
            }
        }
    }
    writeln!(out, "{} files: {blocks} blocks ({bytes}), {templates} templates, {failures} failures", paths.len())
}
