//! Lake Formation of the warehouse in memory: a tag of a table is at `shop.orders`, of a column at `shop.orders.name`.

use async_trait::async_trait;
use athena_api::{
    ApiError, ApiResult,
    lake_formation::{
        ColumnLfTags, DataCellsFilter, ErrorDetail, FilterResource, LakeFormation, LfTag, LfTagFailure,
        PermissionsEntry, PermissionsFailure, Principal, PrincipalPermissions, Resource, ResourceLfTags, TableResource,
    },
};

use crate::warehouse::{Warehouse, World};

fn places(resource: &Resource) -> Vec<String> {
    match resource {
        Resource::Database(database) => vec![database.name.clone()],
        Resource::Table(table) => vec![format!("{}.{}", table.database_name, table.name)],
        Resource::TableWithColumns(table) => {
            let place = |column: &String| format!("{}.{}.{column}", table.database_name, table.name);
            table.column_names.iter().map(place).collect()
        }
        Resource::DataCellsFilter(filter) => {
            vec![format!("{}.{} {}", filter.database_name, filter.table_name, filter.name)]
        }
    }
}

fn text(tags: &[LfTag]) -> String {
    tags.iter().map(|tag| format!("{}={}", tag.key, tag.values.join(","))).collect::<Vec<_>>().join(" ")
}

impl World {
    /// A table that is dropped or renamed loses what it had.
    pub fn forget_lake_formation(&mut self, database: &str, table: &str) {
        let name = format!("{database}.{table}");
        self.lf_tags.retain(|(place, _), _| *place != name && !place.starts_with(&format!("{name}.")));
        self.lf_filters.retain(|(table, _), _| *table != name);
        self.lf_readers.retain(|(place, _)| !place.starts_with(&format!("{name} ")));
    }

    /// A line for each tag, filter and reader.
    pub fn lake_formation(&self) -> String {
        let tags = self.lf_tags.iter().map(|((place, key), value)| format!("tag {place} {key}={value}\n"));
        let filters = self.lf_filters.iter().map(|((table, name), filter)| {
            let rows =
                filter.row_filter.as_ref().and_then(|filter| filter.filter_expression.as_deref()).unwrap_or("all");
            let columns = if filter.column_names.is_empty() { "*".to_owned() } else { filter.column_names.join(",") };
            format!("filter {table} {name}: {columns} where {rows}\n")
        });
        let readers = self.lf_readers.iter().map(|(place, principal)| format!("reader {place}: {principal}\n"));
        tags.chain(filters).chain(readers).collect()
    }

    fn permit(&mut self, verb: &str, entries: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>> {
        let mut failures = Vec::new();
        for entry in entries {
            let place = places(&entry.permissions.resource).remove(0);
            let principal = entry.permissions.principal.data_lake_principal_identifier.clone();
            self.change(format!("{verb} {} {place} {principal}", entry.permissions.permissions.join(",")))?;
            if principal == "nobody" {
                let error = ErrorDetail {
                    error_code: "InvalidInputException".into(),
                    error_message: "Invalid principal".into(),
                };
                failures.push(PermissionsFailure { request_entry: entry.clone(), error });
            } else if verb == "Grant" {
                self.lf_readers.insert((place, principal));
            } else {
                self.lf_readers.remove(&(place, principal));
            }
        }
        Ok(failures)
    }
}

#[async_trait]
impl LakeFormation for Warehouse {
    async fn get_resource_lf_tags(&self, resource: &Resource, only_assigned: bool) -> ApiResult<ResourceLfTags> {
        assert!(only_assigned, "inherited tags cannot be removed");
        let world = self.world();
        let place = places(resource).remove(0);
        let mut found = ResourceLfTags::default();
        for ((known, key), value) in &world.lf_tags {
            let tag = LfTag::new(key, value);
            match known.strip_prefix(&place) {
                Some("") => found.on_table.push(tag),
                Some(column) if column.starts_with('.') => {
                    let name = column[1..].to_owned();
                    match found.on_columns.last_mut().filter(|last| last.name == name) {
                        Some(last) => last.tags.push(tag),
                        None => found.on_columns.push(ColumnLfTags { name, tags: vec![tag] }),
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    async fn add_lf_tags(&self, resource: &Resource, tags: &[LfTag]) -> ApiResult<Vec<LfTagFailure>> {
        let mut world = self.world();
        world.change(format!("AddLFTagsToResource {} {}", places(resource).join(" "), text(tags)))?;
        let mut failures = Vec::new();
        for tag in tags {
            if tag.key == "unknown" {
                let error = ErrorDetail {
                    error_code: "EntityNotFoundException".into(),
                    error_message: "Tag key not found".into(),
                };
                failures.push(LfTagFailure { tag: tag.clone(), error });
                continue;
            }
            for place in places(resource) {
                world.lf_tags.insert((place, tag.key.clone()), tag.values[0].clone());
            }
        }
        Ok(failures)
    }

    async fn remove_lf_tags(&self, resource: &Resource, tags: &[LfTag]) -> ApiResult<Vec<LfTagFailure>> {
        let mut world = self.world();
        world.change(format!("RemoveLFTagsFromResource {} {}", places(resource).join(" "), text(tags)))?;
        for (place, tag) in places(resource).iter().flat_map(|place| tags.iter().map(move |tag| (place, tag))) {
            let removed = world.lf_tags.remove(&(place.clone(), tag.key.clone()));
            assert_eq!(removed.as_ref(), tag.values.first(), "only what is there is removed");
        }
        Ok(Vec::new())
    }

    async fn list_data_cells_filters(&self, table: &TableResource) -> ApiResult<Vec<DataCellsFilter>> {
        let name = format!("{}.{}", table.database_name, table.name);
        Ok(self
            .world()
            .lf_filters
            .iter()
            .filter(|((of, _), _)| *of == name)
            .map(|(_, filter)| filter.clone())
            .collect())
    }

    async fn create_data_cells_filter(&self, filter: &DataCellsFilter) -> ApiResult<()> {
        let mut world = self.world();
        world.change(format!("CreateDataCellsFilter {}", filter.name))?;
        assert_ne!(filter.column_names.is_empty(), filter.column_wildcard.is_none(), "exactly one of the two");
        let key = (format!("{}.{}", filter.database_name, filter.table_name), filter.name.clone());
        match world.lf_filters.insert(key, filter.clone()) {
            None => Ok(()),
            Some(_) => Err(ApiError::new("AlreadyExistsException", "a filter of this name is there")),
        }
    }

    async fn update_data_cells_filter(&self, filter: &DataCellsFilter) -> ApiResult<()> {
        let mut world = self.world();
        world.change(format!("UpdateDataCellsFilter {}", filter.name))?;
        let key = (format!("{}.{}", filter.database_name, filter.table_name), filter.name.clone());
        world.lf_filters.insert(key, filter.clone());
        Ok(())
    }

    async fn delete_data_cells_filter(&self, filter: &FilterResource) -> ApiResult<()> {
        let mut world = self.world();
        world.change(format!("DeleteDataCellsFilter {}", filter.name))?;
        world.lf_filters.remove(&(format!("{}.{}", filter.database_name, filter.table_name), filter.name.clone()));
        let place = places(&Resource::DataCellsFilter(filter.clone())).remove(0);
        world.lf_readers.retain(|(of, _)| *of != place);
        Ok(())
    }

    async fn list_permissions(&self, resource: &Resource) -> ApiResult<Vec<PrincipalPermissions>> {
        let place = places(resource).remove(0);
        let permissions = |principal: &str, permission: &str| PrincipalPermissions {
            principal: Principal { data_lake_principal_identifier: principal.to_owned() },
            resource: resource.clone(),
            permissions: vec![permission.to_owned()],
            permissions_with_grant_option: Vec::new(),
        };
        let world = self.world();
        let readers = world.lf_readers.iter().filter(|(of, _)| *of == place);
        // An owner who may do something else than reading is none of our business.
        Ok(readers
            .map(|(_, principal)| permissions(principal, "SELECT"))
            .chain([permissions("owner", "DESCRIBE")])
            .collect())
    }

    async fn grant_permissions(&self, entries: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>> {
        self.world().permit("Grant", entries)
    }

    async fn revoke_permissions(&self, entries: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>> {
        self.world().permit("Revoke", entries)
    }
}
