//! Roles: who may do what where, at this moment.

use crate::rig::Rig;

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

/// Which of the operations are carried out; the others must be refused for want of a permission.
async fn permitted(rig: &Rig, token: &str) -> [bool; 9] {
    let mut permitted = [false; 9];
    for (operation, permitted) in OPERATIONS.iter().zip(&mut permitted) {
        let (status, code) = rig.ask(operation).token(token).answer().await;
        *permitted = status < 300;
        let refused = (403, "AuthorizationPermissionMismatch");
        // Where nothing could be written, there is nothing to delete.
        let is_missing = code == "BlobNotFound";
        assert!(
            *permitted || is_missing || (status, code.as_str()) == refused,
            "{operation}: {status} {code}"
        );
    }
    permitted
}

#[tokio::test]
async fn a_role_counts_for_what_it_permits_in_its_scope() {
    let rig = Rig::shared().await;
    for path in ["/photos/one/there", "/photos/two/there", "/other/one/there"] {
        rig.put(path, "x").await;
    }
    let (subscription, group) = rig
        .azure
        .read(|state| (format!("/subscriptions/{}", state.subscription), state.group_id("rg")));
    let (account, container) = (rig.scope("photos", None), rig.scope("photos", Some("one")));
    // How far a scope reaches: the list of containers, another container, another account.
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
            let identity = rig.identity();
            let token = rig.token(&identity);
            assert_eq!(permitted(&rig, &token).await, [false; 9]);
            rig.give(identity.id, role, scope);
            let expected: Vec<_> = here.iter().chain(far).copied().collect();
            assert_eq!(permitted(&rig, &token).await[..], expected, "{role} on {scope}");
        }
    }
}

#[tokio::test]
async fn the_control_planes_roles_give_no_data() {
    let rig = Rig::shared().await;
    rig.put("/photos/one/there", "x").await;
    for role in ["Owner", "Contributor", "Reader", "Storage Blob Delegator"] {
        let identity = rig.identity();
        rig.give(identity.id, role, &rig.scope("photos", None));
        let token = rig.token(&identity);
        for operation in [
            "GET /photos/one/there",
            "HEAD /photos/one/there",
            "PUT /photos/one/new",
            "DELETE /photos/one/there",
            "GET /photos/one?restype=container&comp=list",
        ] {
            let (status, _) = rig.ask(operation).token(&token).answer().await;
            assert_eq!(status, 403, "{role}: {operation}");
        }
    }
}

#[tokio::test]
async fn a_role_of_a_group_is_its_members() {
    let rig = Rig::shared().await;
    rig.put("/photos/one/there", "x").await;
    let (member, other) = (rig.identity(), rig.identity());
    let group = rig.group_of(&member);
    rig.give(group, "Storage Blob Data Reader", &rig.scope("photos", Some("one")));
    let get = |principal| rig.ask("GET /photos/one/there").token(&rig.token(principal)).answer();
    assert_eq!(get(&member).await.0, 200);
    assert_eq!(get(&other).await.0, 403);
}

#[tokio::test]
async fn a_role_that_is_taken_counts_no_more() {
    let rig = Rig::shared().await;
    let identity = rig.identity();
    let token = rig.token(&identity);
    let put = async || {
        let put = rig.ask("PUT /photos/one/taken").token(&token).body("x").send().await;
        (put.status.as_u16(), put.code.clone(), put.text.clone())
    };
    assert_eq!(put().await.0, 403);
    let role = rig.give(identity.id, "Storage Blob Data Contributor", &rig.scope("photos", None));
    assert_eq!(put().await.0, 201);
    rig.take(role);
    let (status, code, text) = put().await;
    assert_eq!((status, code.as_str()), (403, "AuthorizationPermissionMismatch"));
    assert!(
        text.contains("This request is not authorized to perform this operation using this permission."),
        "{text}"
    );
}

#[tokio::test]
async fn tags_and_keys_need_permissions_of_their_own() {
    let rig = Rig::shared().await;
    let contributor = rig.identity();
    rig.give(
        contributor.id,
        "Storage Blob Data Contributor",
        &rig.scope("photos", Some("one")),
    );
    let token = rig.token(&contributor);
    let tagged = rig.ask("PUT /photos/one/tagged").header("x-ms-tags", "a=b");
    assert_eq!(tagged.token(&token).answer().await.0, 403);
    let find = rig.ask("GET /photos?comp=blobs&where=%22a%22%3D%27b%27");
    assert_eq!(find.token(&token).answer().await.0, 403);
    // The key is the account's, and the role is the container's.
    let key = rig.ask("POST /photos?restype=service&comp=userdelegationkey");
    assert_eq!(key.token(&token).answer().await.0, 403);
    let acl = rig.ask("PUT /photos/one?restype=container&comp=acl");
    assert_eq!(acl.token(&token).answer().await.0, 403);
    let batch = rig.ask("POST /photos?comp=batch").token(&token);
    assert_eq!(batch.answer().await, (501, "NotImplemented".to_owned()));
}
