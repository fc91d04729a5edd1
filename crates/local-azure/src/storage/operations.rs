//! Which permissions an operation of Blob Storage needs.
//! <https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#permissions-for-blob-service-operations>

use axum::http::{HeaderMap, Method};

use super::place::{Place, Query};
use crate::state::Action;

/// Permissions of which one is enough.
pub(super) type OneOf = &'static [Action<'static>];

macro_rules! control {
    ($name:literal) => {
        Action::Control(concat!("Microsoft.Storage/storageAccounts/blobServices/", $name))
    };
}
macro_rules! data {
    ($name:literal) => {
        Action::Data(concat!(
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/",
            $name
        ))
    };
}

const SERVICE_READ: OneOf = &[control!("read")];
const SERVICE_WRITE: OneOf = &[control!("write")];
const ACCOUNT_INFORMATION: OneOf = &[control!("getInfo/action")];
const DELEGATION_KEY: OneOf = &[control!("generateUserDelegationKey/action")];
const CONTAINER_READ: OneOf = &[control!("containers/read")];
const CONTAINER_WRITE: OneOf = &[control!("containers/write")];
const CONTAINER_DELETE: OneOf = &[control!("containers/delete")];
const ACL_READ: OneOf = &[control!("containers/getAcl/action")];
const ACL_WRITE: OneOf = &[control!("containers/setAcl/action")];
/// Also what the source of a copy needs.
pub(super) const READ: OneOf = &[data!("read")];
const WRITE: OneOf = &[data!("write")];
/// Azure lets `add` alone make new blobs and not replace old ones. No role here has `add` without `write`.
const WRITE_OR_ADD: OneOf = &[data!("write"), data!("add/action")];
const DELETE: OneOf = &[data!("delete")];
const DELETE_VERSION: OneOf = &[data!("deleteBlobVersion/action")];
const DELETE_PERMANENTLY: OneOf = &[data!("permanentDelete/action")];
const TAGS_READ: OneOf = &[data!("tags/read")];
const TAGS_WRITE: OneOf = &[data!("tags/write")];
const FILTER: OneOf = &[data!("filter/action")];
const IMMUTABILITY: OneOf = &[data!("immutableStorage/runAsSuperUser/action")];

/// What a request needs: all of these. What is no operation needs what the most similar one does, and Azurite answers
/// that it is none.
pub(super) fn needed(method: &Method, place: &Place, query: &Query, headers: &HeaderMap) -> Vec<OneOf> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let first = match (&place.container, &place.blob) {
        _ if reads && query.get("restype") == "account" => ACCOUNT_INFORMATION,
        (None, _) => of_service(method, reads, query),
        (Some(_), None) => of_container(method, reads, query),
        (Some(_), Some(_)) => of_blob(method, reads, query),
    };
    let mut all = vec![first];
    if headers.contains_key("x-ms-tags") {
        all.push(TAGS_WRITE);
    }
    if query.get("include").contains("tags") {
        all.push(TAGS_READ);
    }
    all
}

fn of_service(method: &Method, reads: bool, query: &Query) -> OneOf {
    match query.get("comp") {
        "list" if reads => CONTAINER_READ,
        "blobs" if reads => FILTER,
        "userdelegationkey" if method == Method::POST => DELEGATION_KEY,
        _ if reads => SERVICE_READ,
        _ => SERVICE_WRITE,
    }
}

fn of_container(method: &Method, reads: bool, query: &Query) -> OneOf {
    match query.get("comp") {
        "list" if reads => READ,
        "blobs" if reads => FILTER,
        "acl" if reads => ACL_READ,
        "acl" => ACL_WRITE,
        _ if reads => CONTAINER_READ,
        _ if method == Method::DELETE => CONTAINER_DELETE,
        _ => CONTAINER_WRITE,
    }
}

fn of_blob(method: &Method, reads: bool, query: &Query) -> OneOf {
    match query.get("comp") {
        "tags" if reads => TAGS_READ,
        "tags" => TAGS_WRITE,
        "immutabilityPolicies" => IMMUTABILITY,
        "legalhold" | "undelete" => CONTAINER_WRITE,
        "query" => READ,
        _ if reads => READ,
        _ if method == Method::DELETE && query.get("deletetype").eq_ignore_ascii_case("permanent") => {
            DELETE_PERMANENTLY
        }
        _ if method == Method::DELETE && query.has("versionid") => DELETE_VERSION,
        _ if method == Method::DELETE => DELETE,
        "" | "snapshot" | "appendblock" => WRITE_OR_ADD,
        _ => WRITE,
    }
}

/// Whether it is an operation that Azurite carries out for a key's holder alone, while Azure takes tokens too.
pub(super) fn needs_key_at_azurite(place: &Place, query: &Query) -> bool {
    place.blob.is_none() && query.get("comp") == "acl"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_need_what_azures_table_says() {
        for (request, expected) in [
            ("GET /a?comp=list", CONTAINER_READ),
            ("GET /a?comp=blobs&where=x", FILTER),
            ("POST /a?restype=service&comp=userdelegationkey", DELEGATION_KEY),
            ("GET /a?restype=service&comp=properties", SERVICE_READ),
            ("PUT /a?restype=service&comp=properties", SERVICE_WRITE),
            ("GET /a?restype=account&comp=properties", ACCOUNT_INFORMATION),
            ("PUT /a/c?restype=container", CONTAINER_WRITE),
            ("HEAD /a/c?restype=container", CONTAINER_READ),
            ("DELETE /a/c?restype=container", CONTAINER_DELETE),
            ("PUT /a/c?restype=container&comp=metadata", CONTAINER_WRITE),
            ("PUT /a/c?restype=container&comp=lease", CONTAINER_WRITE),
            ("GET /a/c?restype=container&comp=acl", ACL_READ),
            ("PUT /a/c/?restype=container&comp=acl", ACL_WRITE),
            ("GET /a/c?restype=container&comp=list", READ),
            ("GET /a/c?restype=container&comp=blobs", FILTER),
            ("GET /a/c/b", READ),
            ("HEAD /a/c/b?comp=metadata", READ),
            ("GET /a/c/b?comp=blocklist", READ),
            ("GET /a/c/b?comp=tags", TAGS_READ),
            ("PUT /a/c/b?comp=tags", TAGS_WRITE),
            ("PUT /a/c/b", WRITE_OR_ADD),
            ("PUT /a/c/b?comp=snapshot", WRITE_OR_ADD),
            ("PUT /a/c/b?comp=block&blockid=x", WRITE),
            ("PUT /a/c/b?comp=blocklist", WRITE),
            ("PUT /a/c/b?comp=lease", WRITE),
            ("PUT /a/c/b?comp=tier", WRITE),
            ("PUT /a/c/b?comp=copy&copyid=x", WRITE),
            ("POST /a/c/b?comp=query", READ),
            ("DELETE /a/c/b", DELETE),
            ("DELETE /a/c/b?versionid=x", DELETE_VERSION),
            // The container's parameters do not make another operation of a blob's.
            ("DELETE /a/c/b?restype=container", DELETE),
            ("PATCH /a/c/b", WRITE_OR_ADD),
        ] {
            let (method, uri) = request.split_once(' ').unwrap();
            let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
            let place = Place::read("localhost", path).unwrap();
            let query = Query::read(query).unwrap();
            let method = method.parse().unwrap();
            let needed = needed(&method, &place, &query, &HeaderMap::new());
            assert_eq!(needed, [expected], "{request}");
        }
    }

    #[test]
    fn tags_need_a_permission_of_their_own() {
        let place = Place::read("localhost", "/a/c/b").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-tags", "a=b".parse().unwrap());
        let put = needed(&Method::PUT, &place, &Query::default(), &headers);
        assert_eq!(put, [WRITE_OR_ADD, TAGS_WRITE]);
        let place = Place::read("localhost", "/a/c").unwrap();
        let query = Query::read("restype=container&comp=list&include=metadata,tags").unwrap();
        let list = needed(&Method::GET, &place, &query, &HeaderMap::new());
        assert_eq!(list, [READ, TAGS_READ]);
    }
}
