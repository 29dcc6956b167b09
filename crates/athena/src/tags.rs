//! Tags of workgroups and data catalogs.

use athena_api::ApiResult;
use serde::{Deserialize, Serialize};

use crate::{
    EmbeddedAthena,
    error::{invalid, resource_not_found},
    registry::{Kind, page},
};

/// Source: Athena service quotas.
const MOST_PER_RESOURCE: usize = 50;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

impl EmbeddedAthena {
    /// `TagResource`.
    pub async fn tag_resource(&self, arn: &str, tags: &[Tag]) -> ApiResult<()> {
        self.check_resource(arn).await?;
        let mut keys: Vec<String> = self.tags_of(arn).await?.into_iter().map(|tag| tag.key).collect();
        keys.extend(tags.iter().map(|tag| tag.key.clone()));
        keys.sort();
        keys.dedup();
        if keys.len() > MOST_PER_RESOURCE {
            return Err(invalid(format!("A resource can have at most {MOST_PER_RESOURCE} tags")));
        }
        self.put_tags(arn, tags).await
    }

    /// `UntagResource`.
    pub async fn untag_resource(&self, arn: &str, keys: &[String]) -> ApiResult<()> {
        self.check_resource(arn).await?;
        for key in keys {
            self.inner.registry.delete(Kind::Tag, arn, key).await?;
        }
        Ok(())
    }

    /// `ListTagsForResource`.
    pub async fn list_tags(
        &self,
        arn: &str,
        token: Option<&str>,
        limit: usize,
    ) -> ApiResult<(Vec<Tag>, Option<String>)> {
        self.check_resource(arn).await?;
        page(self.tags_of(arn).await?, token, limit)
    }

    /// Glue's `GetTags`: its ARNs name databases and tables, which are not looked up.
    pub async fn glue_tags(&self, arn: &str) -> ApiResult<Vec<Tag>> {
        self.tags_of(arn).await
    }

    /// Glue's `TagResource`.
    pub async fn tag_glue_resource(&self, arn: &str, tags: &[Tag]) -> ApiResult<()> {
        self.put_tags(arn, tags).await
    }

    /// Glue's `UntagResource`.
    pub async fn untag_glue_resource(&self, arn: &str, keys: &[String]) -> ApiResult<()> {
        for key in keys {
            self.inner.registry.delete(Kind::Tag, arn, key).await?;
        }
        Ok(())
    }

    pub(crate) async fn put_tags(&self, arn: &str, tags: &[Tag]) -> ApiResult<()> {
        for tag in tags {
            self.inner.registry.put(Kind::Tag, arn, &tag.key, tag).await?;
        }
        Ok(())
    }

    pub(crate) async fn forget_tags(&self, arn: &str) -> ApiResult<()> {
        for tag in self.tags_of(arn).await? {
            self.inner.registry.delete(Kind::Tag, arn, &tag.key).await?;
        }
        Ok(())
    }

    async fn tags_of(&self, arn: &str) -> ApiResult<Vec<Tag>> {
        self.inner.registry.list(Kind::Tag, arn).await
    }

    async fn check_resource(&self, arn: &str) -> ApiResult<()> {
        let missing = || resource_not_found(format!("Resource {arn} was not found"));
        let found = match arn.rsplit_once(':').and_then(|(_, resource)| resource.split_once('/')) {
            Some(("workgroup", name)) => self.work_group(name).await.map(|_| ()),
            Some(("datacatalog", name)) => self.data_catalog(name).await.map(|_| ()),
            _ => return Err(missing()),
        };
        found.map_err(|_| missing())
    }
}
