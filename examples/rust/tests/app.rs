//! The app with a PostgreSQL and a Blob Storage that accept tokens of its identity and nothing else.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use local_azure::testing::{Cloud, STORAGE_ACCOUNT};
use reqwest::Client;

/// The running app, which ends with the test.
struct App(Child);

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_file_is_kept() {
    let cloud = Cloud::start();
    let postgres = cloud.postgres().await;
    postgres.create_database("files").await.unwrap();
    cloud.create_role("files").await;
    let mut superuser = postgres.superuser("files").await.unwrap();
    sqlx::query("grant create on schema public to files")
        .execute(&mut superuser)
        .await
        .unwrap();
    cloud.create_container("files").await;
    let certificate = cloud.root_certificate().display().to_string();
    let settings = [
        ("PGHOST", "127.0.0.1".to_owned()),
        ("PGPORT", postgres.port().to_string()),
        ("PGDATABASE", "files".to_owned()),
        ("PGUSER", "files".to_owned()),
        ("STORAGE_URL", cloud.blob_storage().await.account_url(STORAGE_ACCOUNT)),
        ("PORT", "0".to_owned()),
        // What Azure does not need: the authority that signed the certificates.
        ("PGSSLROOTCERT", certificate.clone()),
        ("SSL_CERT_FILE", certificate),
    ];
    cloud.assert_no_secret_in(&format!("{settings:?}"));

    let mut app = Command::new(env!("CARGO_BIN_EXE_files"));
    app.env_remove("PGPASSWORD").envs(settings).envs(cloud.environment());
    let mut app = App(app.stdout(Stdio::piped()).spawn().unwrap());
    let mut site = String::new();
    let output = app.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut site).unwrap();
    let site = site.trim();
    local_azure::tls::choose_provider();
    let client = Client::builder().no_proxy().build().unwrap();
    let url = |path: &str| format!("{site}{path}");

    let kept = client.put(url("/hello.txt")).body("Hello!").send().await.unwrap();
    assert_eq!(kept.status(), 204);
    let get = async |path: &str| {
        let answer = client.get(url(path)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/").await, (200, "hello.txt 6\n".to_owned()));
    assert_eq!(get("/hello.txt").await, (200, "Hello!".to_owned()));
    assert_eq!(get("/other.txt").await.0, 404);

    // The identity needs its role.
    let removed = cloud.azure().change(|state| {
        state.role_assignments.clear();
        Ok(())
    });
    removed.unwrap();
    assert_eq!(get("/hello.txt").await.0, 500);
}
