//! The project's own chores: `cargo xtask tidy`, `cargo xtask bench parse`.

mod bench;
mod tidy;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy::run(),
        ["bench", "parse", options @ ..] => bench::parse(options),
        _ => bail!("usage: cargo xtask tidy\n       cargo xtask bench parse"),
    }
}
