//! Role assignments: their permissions, their scope, and their immediate effect.

use crate::rig::Storage;
use local_azure::state::ResourceId;

const OPERATIONS: [&str; 9] = [
    "GET /photos/one/there",
    "GET /photos/one?restype=container&comp=list",
    "PUT /photos/one/new",
    "GET /photos/one?restype=container",
    "GET /photos/one/there?comp=tags",
    "DELETE /photos/one/new",
    "GET /photos?comp=list",
    "GET /photos/two/there",
    "GET /other/one/there",
];

/// Which operations are permitted. The others must be refused because a permission is missing.
async fn permitted(storage: &Storage, token: &str) -> [bool; 9] {
    let mut permitted = [false; 9];
    for (operation, permitted) in OPERATIONS.iter().zip(&mut permitted) {
        let (status, code) = storage.ask(operation).token(token).answer().await;
        *permitted = status < 300;
        let refused = (403, "AuthorizationPermissionMismatch");
        // A blob that could not be written does not exist, so it cannot be deleted.
        let is_missing = code == "BlobNotFound";
        assert!(
            *permitted || is_missing || (status, code.as_str()) == refused,
            "{operation}: {status} {code}"
        );
    }
    permitted
}

#[tokio::test]
async fn a_role_permits_its_operations_within_its_scope() {
    let storage = Storage::start().await;
    for path in ["/photos/one/there", "/photos/two/there", "/other/one/there"] {
        storage.put(path, "x").await;
    }
    let (subscription, group) = storage
        .azure()
        .read(|state| (ResourceId::subscription(state.subscription), state.group_id("rg")));
    let (account, container) = (storage.scope("photos", None), storage.scope("photos", Some("one")));
    // Whether a scope includes the list of containers, another container and another account.
    let reach = [
        (&subscription, [true, true, true]),
        (&group, [true, true, false]),
        (&account, [true, true, false]),
        (&container, [false, false, false]),
    ];
    // get, list, put, container, tags, delete
    let roles = [
        ("Storage Blob Data Owner", [true; 6]),
        ("Storage Blob Data Contributor", [true, true, true, true, false, true]),
        ("Storage Blob Data Reader", [true, true, false, true, false, false]),
    ];
    for (role, here) in roles {
        for (scope, far) in &reach {
            let identity = storage.identity();
            let token = storage.token(&identity);
            assert_eq!(permitted(&storage, &token).await, [false; 9]);
            storage.give(identity.id, role, scope);
            let expected: Vec<_> = here.iter().chain(far).copied().collect();
            assert_eq!(permitted(&storage, &token).await[..], expected, "{role} on {scope}");
        }
    }
}

#[tokio::test]
async fn the_roles_of_the_control_plane_give_no_access_to_data() {
    let storage = Storage::start().await;
    storage.put("/photos/one/there", "x").await;
    for role in ["Owner", "Contributor", "Reader", "Storage Blob Delegator"] {
        let identity = storage.identity();
        storage.give(identity.id, role, &storage.scope("photos", None));
        let token = storage.token(&identity);
        for operation in [
            "GET /photos/one/there",
            "HEAD /photos/one/there",
            "PUT /photos/one/new",
            "DELETE /photos/one/there",
            "GET /photos/one?restype=container&comp=list",
        ] {
            let (status, _) = storage.ask(operation).token(&token).answer().await;
            assert_eq!(status, 403, "{role}: {operation}");
        }
    }
}

#[tokio::test]
async fn members_of_a_group_have_its_roles() {
    let storage = Storage::start().await;
    storage.put("/photos/one/there", "x").await;
    let (member, other) = (storage.identity(), storage.identity());
    let group = storage.group_of(&member);
    storage.give(group, "Storage Blob Data Reader", &storage.scope("photos", Some("one")));
    let get = |principal| {
        storage
            .ask("GET /photos/one/there")
            .token(&storage.token(principal))
            .answer()
    };
    assert_eq!(get(&member).await.0, 200);
    assert_eq!(get(&other).await.0, 403);
}

#[tokio::test]
async fn a_role_that_is_removed_permits_nothing() {
    let storage = Storage::start().await;
    let identity = storage.identity();
    let token = storage.token(&identity);
    let put = async || {
        let put = storage
            .ask("PUT /photos/one/taken")
            .token(&token)
            .body("x")
            .send()
            .await;
        (put.status.as_u16(), put.code.clone(), put.text.clone())
    };
    assert_eq!(put().await.0, 403);
    let role = storage.give(
        identity.id,
        "Storage Blob Data Contributor",
        &storage.scope("photos", None),
    );
    assert_eq!(put().await.0, 201);
    storage.take(role);
    let (status, code, text) = put().await;
    assert_eq!((status, code.as_str()), (403, "AuthorizationPermissionMismatch"));
    assert!(
        text.contains("This request is not authorized to perform this operation using this permission."),
        "{text}"
    );
}

#[tokio::test]
async fn tags_keys_and_access_policies_need_more_than_a_contributor_of_a_container() {
    let storage = Storage::start().await;
    let contributor = storage.identity();
    storage.give(
        contributor.id,
        "Storage Blob Data Contributor",
        &storage.scope("photos", Some("one")),
    );
    let token = storage.token(&contributor);
    let tagged = storage.ask("PUT /photos/one/tagged").header("x-ms-tags", "a=b");
    assert_eq!(tagged.token(&token).answer().await.0, 403);
    let find = storage.ask("GET /photos?comp=blobs&where=%22a%22%3D%27b%27");
    assert_eq!(find.token(&token).answer().await.0, 403);
    // The key belongs to the account, and the role only to the container.
    let key = storage.ask("POST /photos?restype=service&comp=userdelegationkey");
    assert_eq!(key.token(&token).answer().await.0, 403);
    let acl = storage.ask("PUT /photos/one?restype=container&comp=acl");
    assert_eq!(acl.token(&token).answer().await.0, 403);
    let batch = storage.ask("POST /photos?comp=batch").token(&token);
    assert_eq!(batch.answer().await, (501, "NotImplemented".to_owned()));
}
