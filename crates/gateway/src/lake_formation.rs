//! Lake Formation: REST with a path per operation, JSON in and out.

use athena_api::{
    ApiError, ApiResult, LakeFormation,
    lake_formation::{DataCellsFilter, FilterResource, LfTag, PermissionsEntry, Resource, TableResource},
};
use chrono::Utc;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use s3s::Body;
use serde_json::{Value, json};

use crate::{
    json::{Input, not_implemented, output},
    route::Gateway,
    signature,
};

const LARGEST_BODY: usize = 4 << 20;

/// Answers a request.
pub(crate) async fn answer(gateway: &Gateway, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answered = async {
        let body = Limited::new(body, LARGEST_BODY).collect().await;
        let body = body.map_err(|error| ApiError::new("InvalidInputException", error.to_string()))?.to_bytes();
        signature::verify(&gateway.keys, &parts.method, &parts.headers, &body, Utc::now())?;
        let operation = parts.uri.path().trim_start_matches('/');
        let input = Input::parse(if body.is_empty() { b"{}" } else { &body })?;
        call(gateway.lakehouse.lake_formation().as_ref(), operation, input).await
    };
    match answered.await {
        Ok(output) => respond(200, None, &output),
        Err(error) => {
            tracing::debug!(path = parts.uri.path(), %error, "refused");
            respond(error.status, Some(&error.code), &json!({ "Message": error.message }))
        }
    }
}

async fn call(lake_formation: &dyn LakeFormation, operation: &str, mut input: Input) -> ApiResult<Value> {
    match operation {
        "GetResourceLFTags" => {
            let only_assigned = input.flag("ShowAssignedLFTags");
            output(&lake_formation.get_resource_lf_tags(&resource(&mut input)?, only_assigned).await?)
        }
        "AddLFTagsToResource" => {
            let (resource, tags) = (resource(&mut input)?, required::<Vec<LfTag>>(&mut input, "LFTags")?);
            failures(output(&lake_formation.add_lf_tags(&resource, &tags).await?)?)
        }
        "RemoveLFTagsFromResource" => {
            let (resource, tags) = (resource(&mut input)?, required::<Vec<LfTag>>(&mut input, "LFTags")?);
            failures(output(&lake_formation.remove_lf_tags(&resource, &tags).await?)?)
        }
        "ListDataCellsFilter" => {
            let table: TableResource = required(&mut input, "Table")?;
            let filters = lake_formation.list_data_cells_filters(&table).await?;
            Ok(json!({ "DataCellsFilters": output(&filters)? }))
        }
        "CreateDataCellsFilter" => {
            let filter: DataCellsFilter = required(&mut input, "TableData")?;
            lake_formation.create_data_cells_filter(&filter).await.map(|()| json!({}))
        }
        "UpdateDataCellsFilter" => {
            let filter: DataCellsFilter = required(&mut input, "TableData")?;
            lake_formation.update_data_cells_filter(&filter).await.map(|()| json!({}))
        }
        "DeleteDataCellsFilter" => {
            let filter: FilterResource = input.read()?;
            lake_formation.delete_data_cells_filter(&filter).await.map(|()| json!({}))
        }
        "ListPermissions" => {
            let permissions = lake_formation.list_permissions(&resource(&mut input)?).await?;
            Ok(json!({ "PrincipalResourcePermissions": output(&permissions)? }))
        }
        "BatchGrantPermissions" => {
            let entries: Vec<PermissionsEntry> = required(&mut input, "Entries")?;
            failures(output(&lake_formation.grant_permissions(&entries).await?)?)
        }
        "BatchRevokePermissions" => {
            let entries: Vec<PermissionsEntry> = required(&mut input, "Entries")?;
            failures(output(&lake_formation.revoke_permissions(&entries).await?)?)
        }
        _ => Err(not_implemented(operation)),
    }
}

fn resource(input: &mut Input) -> ApiResult<Resource> {
    required(input, "Resource")
}

fn required<T: serde::de::DeserializeOwned>(input: &mut Input, name: &str) -> ApiResult<T> {
    input.take(name)?.ok_or_else(|| ApiError::new("InvalidInputException", format!("{name} must be given")))
}

fn failures(failures: Value) -> ApiResult<Value> {
    Ok(json!({ "Failures": failures }))
}

fn respond(status: u16, error: Option<&str>, body: &Value) -> Response<Body> {
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-amzn-RequestId", uuid::Uuid::new_v4().to_string());
    if let Some(code) = error {
        response = response.header("x-amzn-ErrorType", code);
    }
    response.body(Body::from(body.to_string())).expect("a status and headers that are valid")
}
