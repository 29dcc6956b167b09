//! The files of a new project, and the text of profiles.

use std::path::Path;

const FILES: [(&str, &str); 10] = [
    ("dbt_project.yml", include_str!("../../../starter/dbt_project.yml")),
    (".gitignore", include_str!("../../../starter/gitignore")),
    ("README.md", include_str!("../../../starter/README.md")),
    ("seeds/raw_customers.csv", include_str!("../../../starter/raw_customers.csv")),
    ("seeds/raw_orders.csv", include_str!("../../../starter/raw_orders.csv")),
    ("models/staging/stg_customers.sql", include_str!("../../../starter/stg_customers.sql")),
    ("models/staging/stg_orders.sql", include_str!("../../../starter/stg_orders.sql")),
    ("models/staging/staging.yml", include_str!("../../../starter/staging.yml")),
    ("models/marts/customer_orders.sql", include_str!("../../../starter/customer_orders.sql")),
    ("models/marts/marts.yml", include_str!("../../../starter/marts.yml")),
];
/// Empty folders, which are kept in git by a file.
const FOLDERS: [&str; 4] = ["analyses", "macros", "snapshots", "tests"];

/// Writes a project that builds at once.
pub fn write(folder: &Path, name: &str, profile: &str) -> std::io::Result<()> {
    for (path, text) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::write(path, text.replace("PROJECT_NAME", name).replace("PROFILE_NAME", profile))?;
    }
    for empty in FOLDERS {
        fs_err::create_dir_all(folder.join(empty))?;
        fs_err::write(folder.join(empty).join(".gitkeep"), "")?;
    }
    Ok(())
}

/// profiles.yml for the embedded lakehouse.
pub fn embedded_profile(name: &str) -> String {
    format!(
        "{name}:\n  target: dev\n  outputs:\n    dev:\n      type: athena\n      lakehouse: embedded\n      database: awsdatacatalog\n      schema: dev\n      threads: 4\n"
    )
}

/// Whether the text of a profiles.yml has this profile.
pub fn has_profile(text: &str, name: &str) -> bool {
    block(text, name).is_some()
}

/// The text with the profile at its end, or in its old place. All other lines stay.
pub fn with_profile(text: &str, name: &str, profile: &str) -> String {
    match block(text, name) {
        Some((start, end)) => {
            let lines: Vec<&str> = text.lines().collect();
            let gap = if end < lines.len() { "\n" } else { "" };
            let before: String = lines[..start].iter().map(|line| format!("{line}\n")).collect();
            let after: String = lines[end..].iter().map(|line| format!("{line}\n")).collect();
            format!("{before}{profile}{gap}{after}")
        }
        None if text.trim().is_empty() => profile.to_owned(),
        None => format!("{}\n\n{profile}", text.trim_end()),
    }
}

/// The lines of a profile: from its key to before the next key, or comment, at the margin.
fn block(text: &str, name: &str) -> Option<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let is_key = |line: &&str| {
        let key = line.split_once(':').map(|(key, _)| key.trim_end().trim_matches(['"', '\'']));
        key == Some(name)
    };
    let start = lines.iter().position(is_key)?;
    let next = lines.iter().skip(start + 1).position(|line| line.starts_with(|c: char| !c.is_whitespace()));
    Some((start, next.map_or(lines.len(), |next| start + 1 + next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_added_or_replaced_and_the_rest_stays() {
        let other = "# mine\nother:\n  target: dev\n";
        assert_eq!(with_profile("", "shop", "shop:\n  a: 1\n"), "shop:\n  a: 1\n");
        let both = with_profile(other, "shop", "shop:\n  a: 1\n");
        assert_eq!(both, "# mine\nother:\n  target: dev\n\nshop:\n  a: 1\n");
        assert!(has_profile(&both, "shop") && !has_profile(other, "shop") && !has_profile(&both, "target"));
        assert_eq!(with_profile(&both, "other", "other:\n  b: 2\n"), "# mine\nother:\n  b: 2\n\nshop:\n  a: 1\n");
        assert_eq!(with_profile(&both, "shop", "shop:\n  b: 2\n"), "# mine\nother:\n  target: dev\n\nshop:\n  b: 2\n");
    }
}
