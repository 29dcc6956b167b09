//! The nodes of a run that failed, out of the artifacts of its commands.

use std::collections::HashMap;

use async_trait::async_trait;
use notify::FailingNode;
use serde_json::Value as Json;
use store::{Database, sqlx};

use super::{Details, ResultFile};
use crate::worker::storage::ArtifactStorage;

/// Reads run_results.json of the commands that failed.
#[derive(Debug, Clone)]
pub struct FromArtifacts {
    pub database: Database,
    pub storage: ArtifactStorage,
}

#[async_trait]
impl Details for FromArtifacts {
    async fn failing_nodes(&self, run_id: i64) -> Vec<FailingNode> {
        match self.read(run_id).await {
            Ok(nodes) => nodes,
            Err(reason) => {
                // The message goes out all the same, with the commands instead of their nodes.
                tracing::warn!(run_id, %reason, "the failing nodes of a run could not be read");
                Vec::new()
            }
        }
    }

    async fn results(&self, run_id: i64) -> Result<Vec<ResultFile>, String> {
        let select = "SELECT command_id, path, storage_key FROM artifact WHERE run_id = $1 AND (path LIKE '%manifest.json' \
                      OR path LIKE '%run_results.json' OR path LIKE '%catalog.json') ORDER BY id";
        let found: Vec<(i64, String, String)> = sqlx::query_as(select)
            .bind(run_id)
            .fetch_all(self.database.readers())
            .await
            .map_err(|error| error.to_string())?;
        let mut files = Vec::new();
        for (command, path, key) in found {
            files.push((command, path, self.storage.get(&key).await.map_err(|error| error.to_string())?));
        }
        Ok(files)
    }
}

impl FromArtifacts {
    async fn read(&self, run_id: i64) -> Result<Vec<FailingNode>, String> {
        let select = "SELECT a.storage_key FROM artifact a JOIN command c ON c.id = a.command_id \
                      WHERE a.run_id = $1 AND c.return_code <> 0 AND a.path LIKE '%run_results.json' ORDER BY c.position";
        let keys: Vec<String> = sqlx::query_scalar(select)
            .bind(run_id)
            .fetch_all(self.database.readers())
            .await
            .map_err(|error| error.to_string())?;
        let select = "SELECT node, CAST(sum(data_scanned_in_bytes) AS BIGINT) FROM query_execution \
                      WHERE run_id = $1 AND node IS NOT NULL GROUP BY node";
        let scanned: Vec<(String, Option<i64>)> = sqlx::query_as(select)
            .bind(run_id)
            .fetch_all(self.database.readers())
            .await
            .map_err(|error| error.to_string())?;
        let scanned: HashMap<String, u64> =
            scanned.into_iter().filter_map(|(node, bytes)| Some((node, u64::try_from(bytes?).ok()?))).collect();
        let mut nodes: Vec<FailingNode> = Vec::new();
        for key in keys {
            let bytes = self.storage.get(&key).await.map_err(|error| error.to_string())?;
            let results: Json = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
            // A node that fails again in a later command is one node.
            let of_command = failing(&results, &scanned);
            nodes.retain(|node| !of_command.iter().any(|later| later.name == node.name));
            nodes.extend(of_command);
        }
        Ok(nodes)
    }
}

fn failing(results: &Json, scanned: &HashMap<String, u64>) -> Vec<FailingNode> {
    let failed = results["results"].as_array().into_iter().flatten().filter(|result| {
        matches!(result["status"].as_str(), Some("error" | "fail" | "runtime error" | "partial success"))
    });
    failed
        .filter_map(|result| {
            let name = result["unique_id"].as_str()?;
            let reported = result["adapter_response"]["data_scanned_in_bytes"].as_u64();
            Some(FailingNode {
                name: name.to_owned(),
                message: result["message"].as_str().and_then(said),
                duration_seconds: result["execution_time"].as_f64(),
                data_scanned_in_bytes: reported.or_else(|| scanned.get(name).copied()),
            })
        })
        .collect()
}

/// The first line that says something: dbt's own first one only names the node again.
fn said(message: &str) -> Option<String> {
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next()?;
    let is_heading = [" Error in ", " Failure in "].iter().any(|heading| first.contains(heading));
    Some(if is_heading { lines.next().unwrap_or(first) } else { first }.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_that_failed_say_why_how_long_and_what_they_scanned() {
        let results = json!({"results": [
            {"unique_id": "model.shop.a", "status": "success", "message": "OK"},
            {"unique_id": "model.shop.b", "status": "error", "execution_time": 1.5,
             "message": "Runtime Error in model b (models/b.sql)\n  TABLE_NOT_FOUND: line 1:15\n  more", "adapter_response": {}},
            {"unique_id": "test.shop.c", "status": "fail", "execution_time": 0.2,
             "message": "Got 3 results, configured to fail if != 0", "adapter_response": {"data_scanned_in_bytes": 9}},
            {"unique_id": "model.shop.d", "status": "skipped", "message": null},
        ]});
        let scanned = HashMap::from([("model.shop.b".to_owned(), 70)]);
        let node = |name: &str, message: &str, seconds, bytes| FailingNode {
            name: name.to_owned(),
            message: Some(message.to_owned()),
            duration_seconds: Some(seconds),
            data_scanned_in_bytes: Some(bytes),
        };
        assert_eq!(
            failing(&results, &scanned),
            [
                node("model.shop.b", "TABLE_NOT_FOUND: line 1:15", 1.5, 70),
                node("test.shop.c", "Got 3 results, configured to fail if != 0", 0.2, 9),
            ]
        );
    }
}
