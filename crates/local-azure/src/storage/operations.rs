//! The permissions that each operation of Blob Storage requires.
//! <https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#permissions-for-blob-service-operations>

use axum::http::{HeaderMap, Method};

use super::address::{BlobAddress, Query};
use crate::state::Action;

/// A list of permissions. Any one of them suffices.
pub type AnyOf = &'static [Action<'static>];

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

const SERVICE_READ: AnyOf = &[control!("read")];
const SERVICE_WRITE: AnyOf = &[control!("write")];
const ACCOUNT_INFORMATION: AnyOf = &[control!("getInfo/action")];
const DELEGATION_KEY: AnyOf = &[control!("generateUserDelegationKey/action")];
const CONTAINER_READ: AnyOf = &[control!("containers/read")];
const CONTAINER_WRITE: AnyOf = &[control!("containers/write")];
const CONTAINER_DELETE: AnyOf = &[control!("containers/delete")];
const ACL_READ: AnyOf = &[control!("containers/getAcl/action")];
const ACL_WRITE: AnyOf = &[control!("containers/setAcl/action")];
/// Also required for the source of a copy.
pub(super) const READ: AnyOf = &[data!("read")];
const WRITE: AnyOf = &[data!("write")];
/// On Azure `add` permits creating blobs but not replacing them. No built-in role here has `add` without `write`.
const WRITE_OR_ADD: AnyOf = &[data!("write"), data!("add/action")];
const DELETE: AnyOf = &[data!("delete")];
const DELETE_VERSION: AnyOf = &[data!("deleteBlobVersion/action")];
const DELETE_PERMANENTLY: AnyOf = &[data!("permanentDelete/action")];
const TAGS_READ: AnyOf = &[data!("tags/read")];
const TAGS_WRITE: AnyOf = &[data!("tags/write")];
const FILTER: AnyOf = &[data!("filter/action")];
const IMMUTABILITY: AnyOf = &[data!("immutableStorage/runAsSuperUser/action")];

/// All the permissions that a request requires. An unknown operation requires the permissions of the most similar one,
/// and Azurite then rejects it.
#[must_use]
pub fn needed(method: &Method, address: &BlobAddress, query: &Query, headers: &HeaderMap) -> Vec<AnyOf> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let first = match (&address.container, &address.blob) {
        _ if reads && query.get("restype") == "account" => ACCOUNT_INFORMATION,
        (None, _) => service_operation(method, reads, query),
        (Some(_), None) => container_operation(method, reads, query),
        (Some(_), Some(_)) => blob_operation(method, reads, query),
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

fn service_operation(method: &Method, reads: bool, query: &Query) -> AnyOf {
    match query.get("comp") {
        "list" if reads => CONTAINER_READ,
        "blobs" if reads => FILTER,
        "userdelegationkey" if method == Method::POST => DELEGATION_KEY,
        _ if reads => SERVICE_READ,
        _ => SERVICE_WRITE,
    }
}

fn container_operation(method: &Method, reads: bool, query: &Query) -> AnyOf {
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

fn blob_operation(method: &Method, reads: bool, query: &Query) -> AnyOf {
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

/// Whether an anonymous client may carry out the operation, if the container's public access permits it.
/// <https://learn.microsoft.com/rest/api/storageservices/operations-on-the-blob-service>
///
/// A write is never anonymous. Of the operations that read, some are the owner's alone: the access policy of a container,
/// the blocks of a blob that are not committed, tags, and everything about the account.
#[must_use]
pub fn may_be_anonymous(method: &Method, address: &BlobAddress, query: &Query) -> bool {
    if !matches!(*method, Method::GET | Method::HEAD) || query.get("restype") == "account" {
        return false;
    }
    let operation = query.get("comp");
    match (&address.container, &address.blob) {
        (None, _) => false,
        (Some(_), None) => matches!(operation, "" | "list" | "metadata"),
        (Some(_), Some(_)) if operation == "blocklist" => {
            matches!(&*query.get("blocklisttype").to_ascii_lowercase(), "" | "committed")
        }
        (Some(_), Some(_)) => matches!(operation, "" | "metadata" | "pagelist"),
    }
}

/// Whether Azurite accepts only the account's key for the operation, although Azure also accepts tokens.
pub(super) fn needs_key_at_azurite(address: &BlobAddress, query: &Query) -> bool {
    address.blob.is_none() && query.get("comp") == "acl"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_require_the_permissions_in_azures_table() {
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
            // A container's parameter does not change a blob's operation.
            ("DELETE /a/c/b?restype=container", DELETE),
            ("PATCH /a/c/b", WRITE_OR_ADD),
        ] {
            let (method, uri) = request.split_once(' ').unwrap();
            let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
            let address = BlobAddress::parse("localhost", path).unwrap();
            let query = Query::parse(query).unwrap();
            let method = method.parse().unwrap();
            let needed = needed(&method, &address, &query, &HeaderMap::new());
            assert_eq!(needed, [expected], "{request}");
        }
    }

    #[test]
    fn anonymous_clients_may_read_what_azures_table_says() {
        let is_permitted = |request: &str| {
            let (method, uri) = request.split_once(' ').unwrap();
            let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
            let address = BlobAddress::parse("localhost", path).unwrap();
            may_be_anonymous(&method.parse().unwrap(), &address, &Query::parse(query).unwrap())
        };
        for request in [
            "GET /a/c?restype=container",
            "HEAD /a/c?restype=container",
            "GET /a/c?restype=container&comp=metadata",
            "GET /a/c?restype=container&comp=list",
            "GET /a/c/b",
            "HEAD /a/c/b",
            "GET /a/c/b?snapshot=x",
            "GET /a/c/b?comp=metadata",
            "GET /a/c/b?comp=blocklist",
            "GET /a/c/b?comp=blocklist&blocklisttype=Committed",
            "GET /a/c/b?comp=pagelist",
        ] {
            assert!(is_permitted(request), "{request}");
        }
        for request in [
            "GET /a?comp=list",
            "GET /a?restype=service&comp=properties",
            "GET /a?restype=service&comp=stats",
            "GET /a/?restype=account&comp=properties",
            "GET /a/c?restype=account&comp=properties",
            "POST /a?restype=service&comp=userdelegationkey",
            "GET /a?comp=blobs&where=x",
            "PUT /a/c?restype=container",
            "DELETE /a/c?restype=container",
            "PUT /a/c?restype=container&comp=metadata",
            "GET /a/c?restype=container&comp=acl",
            "HEAD /a/c?restype=container&comp=acl",
            "PUT /a/c?restype=container&comp=acl",
            "GET /a/c?restype=container&comp=blobs&where=x",
            "PUT /a/c?restype=container&comp=lease",
            "GET /a/c/b?comp=blocklist&blocklisttype=uncommitted",
            "GET /a/c/b?comp=blocklist&blocklisttype=all",
            "GET /a/c/b?comp=blocklist&blocklisttype=ALL",
            "GET /a/c/b?comp=tags",
            "POST /a/c/b?comp=query",
            "PUT /a/c/b",
            "PUT /a/c/b?comp=block&blockid=x",
            "PUT /a/c/b?comp=blocklist",
            "PUT /a/c/b?comp=page",
            "PUT /a/c/b?comp=appendblock",
            "PUT /a/c/b?comp=properties",
            "PUT /a/c/b?comp=metadata",
            "PUT /a/c/b?comp=tags",
            "PUT /a/c/b?comp=tier",
            "PUT /a/c/b?comp=lease",
            "PUT /a/c/b?comp=snapshot",
            "PUT /a/c/b?comp=undelete",
            "DELETE /a/c/b",
        ] {
            assert!(!is_permitted(request), "{request}");
        }
    }

    #[test]
    fn tags_require_their_own_permission() {
        let address = BlobAddress::parse("localhost", "/a/c/b").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-tags", "a=b".parse().unwrap());
        let put = needed(&Method::PUT, &address, &Query::default(), &headers);
        assert_eq!(put, [WRITE_OR_ADD, TAGS_WRITE]);
        let address = BlobAddress::parse("localhost", "/a/c").unwrap();
        let query = Query::parse("restype=container&comp=list&include=metadata,tags").unwrap();
        let list = needed(&Method::GET, &address, &query, &HeaderMap::new());
        assert_eq!(list, [READ, TAGS_READ]);
    }
}
