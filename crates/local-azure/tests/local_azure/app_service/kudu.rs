//! The deployment service, by requests of its own.

use std::io::{Cursor, Write as _};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use local_azure::app_service::{Deployment, InstanceState};
use local_azure::kudu;
use local_azure::state::{ResourceId, RoleAssignment, RoleDefinition, User, WebApp};
use local_azure::tokens::{APP_SERVICE, MANAGEMENT, STORAGE};
use serde_json::Value;
use tower::ServiceExt as _;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::rig::{APP, Site, change, until};

/// The deployment service of a site, and its callers.
struct Kudu {
    /// Dropped before the site, whose folder it uses.
    router: Router,
    site: Site,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Kudu {
    fn start() -> Self {
        let site = Site::new(&[("WEBSITES_CONTAINER_START_TIME_LIMIT", "10")]);
        let router = kudu::router(site.azure(), site.app_service()).unwrap();
        Self { router, site }
    }

    /// A token of a user with that role in the subscription.
    fn token(&self, role: &str, resource: &str) -> String {
        let user = User::new(&format!("{}@contoso.onmicrosoft.com", role.replace(' ', "-")));
        let id = user.id;
        change(self.site.azure(), |state| {
            state.directory.users.push(user);
            let role = RoleDefinition::find(role).unwrap().id;
            let subscription = ResourceId::subscription(state.subscription);
            state.role_assignments.push(RoleAssignment::new(subscription, role, id));
        });
        let principal = self.site.azure().read(|state| state.principal(id)).unwrap();
        self.site.azure().sign(&self.site.azure().claims(&principal, resource))
    }

    async fn send(&self, request: &str, token: &str, change: impl FnOnce(&mut Request)) -> Answer {
        let (method, path) = request.split_once(' ').unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, format!("{APP}.scm.azurewebsites.net"))
            .body(Body::empty())
            .unwrap();
        if !token.is_empty() {
            let value = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        change(&mut request);
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// The zip file of the test app with this version.
    fn package(&self, version: &str) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for entry in std::fs::read_dir(self.site.source(version)).unwrap().flatten() {
            let options = SimpleFileOptions::default().unix_permissions(0o755);
            zip.start_file(entry.file_name().to_str().unwrap(), options).unwrap();
            zip.write_all(&std::fs::read(entry.path()).unwrap()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_deployed_while_the_client_waits_or_not() {
    let kudu = Kudu::start();
    let token = kudu.token("Website Contributor", APP_SERVICE);
    let package = kudu.package("1");
    let send = |request: &str| {
        let (package, request) = (package.clone(), request.to_owned());
        let (kudu, token) = (&kudu, &token);
        async move {
            kudu.send(&request, token, |request| *request.body_mut() = Body::from(package))
                .await
        }
    };
    let deployed = send("POST /api/zipdeploy").await;
    assert_eq!(deployed.status, 200, "{deployed:?}");
    assert_eq!(
        (deployed.json()["status"].as_u64(), deployed.json()["active"].as_bool()),
        (Some(4), Some(true))
    );
    assert_eq!(kudu.site.text("/version").await, "1");

    let accepted = send("POST /api/publish?type=zip&async=true").await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    // One after the other.
    let conflict = send("POST /api/zipdeploy?isAsync=true").await;
    assert_eq!(conflict.status, 409, "{conflict:?}");
    until("it is deployed", || kudu.site.states() == [InstanceState::Ready]).await;
    let id = accepted.json()["id"].as_str().unwrap().to_owned();
    kudu.site
        .service()
        .deployment_when(APP, &id, Deployment::is_complete)
        .await
        .unwrap();
    let latest = kudu.send("GET /api/deployments/latest", &token, |_| {}).await.json();
    assert_eq!(
        (latest["id"].as_str(), latest["status"].as_u64()),
        (Some(id.as_str()), Some(4))
    );
    let all = kudu.send("GET /api/deployments/", &token, |_| {}).await.json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(
        (all[0]["active"].as_bool(), all[1]["active"].as_bool()),
        (Some(true), Some(false))
    );
    let log = kudu
        .send(&format!("GET /api/deployments/{id}/log"), &token, |_| {})
        .await;
    assert!(log.text.contains("Deployment successful."), "{log:?}");
    let settings = kudu.send("GET /api/settings", &token, |_| {}).await.json();
    assert_eq!(settings["WEBSITES_CONTAINER_START_TIME_LIMIT"], "10");
    let dump = kudu.send("GET /dump", &token, |_| {}).await;
    assert!(dump.text.contains("LogFiles/lw0_default_docker.log"), "{}", dump.text);

    // A failure is the answer of a client that waits.
    let spoilt = kudu
        .send("POST /api/zipdeploy", &token, |request| {
            *request.body_mut() = Body::from("no zip");
        })
        .await;
    assert_eq!(spoilt.status, 400, "{spoilt:?}");
    assert!(spoilt.text.contains("cannot be unpacked"), "{spoilt:?}");
    assert_eq!(kudu.site.text("/version").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_may_publish_are_served() {
    let kudu = Kudu::start();
    let contributor = kudu.token("Website Contributor", MANAGEMENT);
    let reader = kudu.token("Reader", APP_SERVICE);
    let other = kudu.token("Contributor", STORAGE);
    for path in [
        "POST /api/zipdeploy",
        "GET /api/deployments",
        "GET /api/settings",
        "GET /logstream",
        "GET /dump",
        "GET /nothing",
    ] {
        for (token, expected) in [
            ("", 401),
            ("nonsense", 401),
            (other.as_str(), 401),
            (reader.as_str(), 403),
        ] {
            let answer = kudu.send(path, token, |_| {}).await;
            assert_eq!(answer.status, expected, "{path}: {answer:?}");
        }
    }
    assert_eq!(
        kudu.send("GET /api/environment", &contributor, |_| {}).await.status,
        200
    );
    // The publishing user, until its password is not accepted any more.
    let app: WebApp = kudu.site.azure().read(|state| state.find(APP).unwrap());
    let password = app.publishing_password;
    let basic = async |name: &str, password: &str| {
        let value = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
        let answer = kudu
            .send("GET /api/environment", "", |request| {
                request.headers_mut().insert(AUTHORIZATION, value.parse().unwrap());
            })
            .await;
        answer.status
    };
    assert_eq!(basic("$contoso", &password).await, 200);
    // A browser that knows the password sends it for the requests of any page.
    let page = kudu
        .send("GET /api/environment", &contributor, |request| {
            let origin = "https://contoso.azurewebsites.net".parse().unwrap();
            request.headers_mut().insert(ORIGIN, origin);
        })
        .await;
    assert_eq!(page.status, 403, "{page:?}");
    assert_eq!(basic("contoso\\$contoso", &password).await, 200);
    for (name, password) in [
        ("contoso", password.as_str()),
        ("$contoso", ""),
        ("$contoso", "x"),
        ("", ""),
    ] {
        assert_eq!(basic(name, password).await, 401, "{name}");
    }
    kudu.site.change(|app| app.allows_basic_publishing = false);
    assert_eq!(basic("$contoso", &password).await, 401);
    for host in [
        "other.scm.azurewebsites.net",
        "contoso.azurewebsites.net",
        "scm.azurewebsites.net",
        "",
    ] {
        let answer = kudu
            .send("GET /api/environment", &contributor, |request| {
                request.headers_mut().insert(HOST, host.parse().unwrap());
            })
            .await;
        assert_eq!(answer.status, 404, "{host}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_deployed_is_refused() {
    let kudu = Kudu::start();
    let token = kudu.token("Contributor", APP_SERVICE);
    for (request, expected) in [
        ("POST /api/publish?type=war", "type zip only"),
        (
            "POST /api/publish?type=zip&path=/home/site",
            "leave out the target path",
        ),
        ("POST /api/publish?type=zip&clean=false", "clean=false is not possible"),
        (
            "POST /api/publish?type=zip&restart=False",
            "restart=false is not possible",
        ),
        ("POST /api/zipdeploy", "has no package"),
    ] {
        let answer = kudu.send(request, &token, |_| {}).await;
        assert_eq!(answer.status, 400, "{request}: {answer:?}");
        assert!(answer.text.contains(expected), "{request}: {answer:?}");
    }
    let download = kudu
        .send("POST /api/publish?type=zip", &token, |request| {
            request
                .headers_mut()
                .insert(CONTENT_TYPE, "application/json".parse().unwrap());
            *request.body_mut() = Body::from(r#"{"packageUri": "http://169.254.169.254/"}"#);
        })
        .await;
    assert!(
        download.status == 400 && download.text.contains("send the package itself"),
        "{download:?}"
    );
    let damaged = kudu
        .send("POST /api/zipdeploy", &token, |request| {
            let checksum = "0".repeat(64).parse().unwrap();
            request.headers_mut().insert("x-ms-artifact-checksum", checksum);
            *request.body_mut() = Body::from("PK");
        })
        .await;
    assert!(damaged.status == 400 && damaged.text.contains("damaged"), "{damaged:?}");
    for unknown in [
        "GET /api/deployments/none",
        "GET /api/deployments/latest",
        "GET /api/vfs/",
        "DELETE /api/deployments",
    ] {
        assert_eq!(kudu.send(unknown, &token, |_| {}).await.status, 404, "{unknown}");
    }
    // None of this has left anything.
    assert!(kudu.site.service().deployments(APP).unwrap().is_empty());
    let uploads = std::fs::read_dir(kudu.site.azure().folder().join("uploads")).unwrap();
    assert_eq!(uploads.count(), 0);
}
