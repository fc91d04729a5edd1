use std::fs;
use std::io::{BufRead as _, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Executor as _};

use super::*;
use crate::app_service::{Origin, Package};
use crate::state::WebApp;
use crate::tokens::{POSTGRES, STORAGE};

/// A client that trusts the certificates of the cloud.
fn client(cloud: &Cloud) -> reqwest::Client {
    let root = fs::read(cloud.root_certificate()).unwrap();
    let root = reqwest::Certificate::from_pem(&root).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([root]).no_proxy();
    client.build().unwrap()
}

#[tokio::test]
async fn the_identity_signs_in_everywhere() {
    let cloud = Cloud::start();
    let folder = cloud.azure().folder().to_owned();
    cloud.create_role("web").await;
    let postgres = cloud.postgres().await;
    let sign_in = async |password: &str| {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(postgres.port())
            .database("postgres")
            .username("web")
            .password(password)
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert(cloud.root_certificate());
        options.connect().await
    };
    let mut connection = sign_in(&cloud.token(POSTGRES)).await.unwrap();
    let role: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(role, "web");
    assert!(sign_in(&cloud.token(STORAGE)).await.is_err());
    cloud.assert_no_secret_in(&cloud.logs());

    cloud.create_container("photos").await;
    let url = format!(
        "{}/photos?restype=container",
        cloud.blob_storage().await.account_url(STORAGE_ACCOUNT)
    );
    let ask = client(&cloud).get(url).header("x-ms-version", "2025-11-05");
    let answer = ask.try_clone().unwrap().bearer_auth(cloud.token(STORAGE)).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    let answer = ask.bearer_auth(cloud.token(POSTGRES)).send().await;
    assert_eq!(answer.unwrap().status(), 401);
    assert!(cloud.logs().contains("PostgreSQL") && cloud.logs().contains("Azurite"));

    drop(cloud);
    assert!(!folder.exists());
}

#[tokio::test]
async fn an_app_on_app_service_has_the_identity() {
    let cloud = Cloud::start();
    let source = tempfile::tempdir().unwrap();
    let script = "printf '%s' \"$AZURE_CLIENT_ID $IDENTITY_ENDPOINT\" >index.html\n\
                  exec python3 -m http.server --bind 127.0.0.1 \"$PORT\"\n";
    fs::write(source.path().join("start.sh"), format!("#!/bin/sh\n{script}")).unwrap();
    ready(cloud.azure().change(|state| {
        state.edit(APP, |app: &mut WebApp| {
            app.startup_command = "exec sh ./start.sh".to_owned();
        });
        Ok(())
    }));
    let apps = cloud.app_service();
    let package = Package::Folder(source.path().to_owned());
    let origin = Origin {
        deployer: "ZipDeploy",
        author: "ada".to_owned(),
    };
    apps.deploy(APP, &package, origin).await.unwrap();
    apps.wait_ready(APP).await.unwrap();
    let url = format!("http://127.0.0.1:{}/", apps.http_port());
    let said = client(&cloud).get(url).send().await.unwrap().text().await.unwrap();
    let [endpoint, _, (_, client_id)] = cloud.environment();
    assert_eq!(said, format!("{client_id} {}", endpoint.1));
}

#[test]
fn secrets_in_a_text_are_detected() {
    let cloud = Cloud::start();
    let token = cloud.token(STORAGE);
    cloud.assert_no_secret_in("a harmless text");
    let found = |text: &str| catch_unwind(AssertUnwindSafe(|| cloud.assert_no_secret_in(text))).is_err();
    assert!(found(&format!("token={token}")));
    assert!(found(&format!("token={}...", &token[..30])));
    assert!(found(&format!("...{}", &token[token.len() - 47..])));
    let [_, (_, header), _] = cloud.environment();
    assert!(found(&format!("header={header}")));
    let account: Option<StorageAccount> = cloud.azure().read(|state| state.find(STORAGE_ACCOUNT));
    let [key, _] = account.unwrap().keys;
    assert!(found(&format!("AccountKey={key}")));
}

static SHARED: LazyLock<Cloud> = LazyLock::new(Cloud::start);

#[tokio::test]
#[ignore = "another test runs it in a process of its own and kills the process"]
async fn in_a_static() {
    let mut connection = SHARED.postgres().await.superuser("postgres").await.unwrap();
    connection.execute("create table kept (name text)").await.unwrap();
    println!("\nfolder={}", SHARED.azure().folder().display());
    std::thread::sleep(Duration::from_mins(10));
}

#[test]
fn a_cloud_in_a_static_ends_with_its_process() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "testing::tests::in_a_static", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let folder = lines
        .map(Result::unwrap)
        .find_map(|line| line.strip_prefix("folder=").map(PathBuf::from));
    child.kill().unwrap();
    child.wait().unwrap();
    let folder = folder.expect("the process prints its folder");
    let started = Instant::now();
    while folder.exists() {
        assert!(started.elapsed() < Duration::from_mins(1), "{}", folder.display());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(crate::process::clean_up(&folder), 0, "no process is left");
}
