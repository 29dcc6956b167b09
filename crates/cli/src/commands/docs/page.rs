//! The documentation page: one HTML file with its style and script inside.

use serde::Serialize;

const PAGE: &str = include_str!("../../../docs_page/page.html");
const STYLE: &str = include_str!("../../../docs_page/style.css");
/// In the order in which they use each other.
const SCRIPTS: [&str; 5] = [
    include_str!("../../../docs_page/data.js"),
    include_str!("../../../docs_page/markup.js"),
    include_str!("../../../docs_page/graph.js"),
    include_str!("../../../docs_page/pages.js"),
    include_str!("../../../docs_page/app.js"),
];

/// The page, which reads manifest.json and catalog.json beside it.
pub fn html() -> String {
    PAGE.replace("/*STYLE*/", STYLE).replace("/*SCRIPT*/", &SCRIPTS.join("\n")).replace("<!--DATA-->", "")
}

/// The page with both artifacts inside, for mail and file shares.
///
/// # Errors
/// When an artifact cannot be written as JSON.
pub fn with_data(manifest: &impl Serialize, catalog: &impl Serialize) -> serde_json::Result<String> {
    let page = html();
    let data = format!("{}{}", element("manifest", manifest)?, element("catalog", catalog)?);
    Ok(page.replacen("<script type=\"module\">", &format!("{data}\n<script type=\"module\">"), 1))
}

fn element(name: &str, artifact: &impl Serialize) -> serde_json::Result<String> {
    // `</script>` in a model's SQL must not end the element.
    let json = serde_json::to_string(artifact)?.replace('<', "\\u003c");
    Ok(format!("<script type=\"application/json\" id=\"data-{name}\">{json}</script>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_else() {
        let page = html();
        for marker in ["/*STYLE*/", "/*SCRIPT*/", "<!--DATA-->", "src=\"http", "@import", "cdn."] {
            assert!(!page.contains(marker), "{marker}");
        }
        assert_eq!(page.matches("<script").count(), 1);
    }

    #[test]
    fn data_cannot_leave_its_element() {
        let evil = serde_json::json!({"nodes": {"a": {"raw_code": "</script><script>alert(1)</script>"}}});
        let page = with_data(&evil, &serde_json::json!({})).expect("a page");
        assert!(!page.contains("alert(1)</script>"));
        assert_eq!(page.matches("<script").count(), 3);
    }
}
