//! The site as in Azure, without any password: it signs in to PostgreSQL and Blob Storage with tokens of its identity.

use std::time::{Duration, Instant};

use image::ImageFormat;
use local_azure::certificates::Authority;
use local_azure::postgres::Postgres;
use reqwest::StatusCode;
use uuid::Uuid;

use crate::harness::{encoded, location, photo_link, red_blue, review, review_with_photo};
use crate::rig::{Database, Resources, Running, check, patiently, shared, with};

fn photo() -> Vec<u8> {
    encoded(&red_blue(400, 300), ImageFormat::Png)
}

#[tokio::test]
async fn the_site_works_without_a_password() {
    let azure = Resources::start().await;
    let environment = azure.environment().await;
    let (ok, text) = check(&environment).await;
    assert!(
        ok && text.contains("signed in as") && text.contains("with an Entra token"),
        "{text}"
    );
    assert!(
        text.contains("store          ready: PostgreSQL") && text.contains("photos         ready: "),
        "{text}"
    );

    let site = Running::start(&environment).await;
    site.ready().await;
    let path = site.add_restaurant().await;
    assert_eq!(
        location(&site.review(&path, review_with_photo("Ada", "5", photo())).await),
        path
    );
    let page = site.page(&path).await;
    assert!(page.contains("5.0 (1 review)"));
    let link = photo_link(&page);
    let sent = site.get(&link).await;
    assert_eq!(
        (sent.status(), sent.headers()["content-type"].to_str().unwrap()),
        (StatusCode::OK, "image/jpeg")
    );
    let jpeg = image::load_from_memory(&sent.bytes().await.unwrap()).unwrap();
    assert_eq!((jpeg.width(), jpeg.height()), (400, 300));
    assert!(site.page("/").await.contains("-thumb.jpg"));
    // Another instance, which has only the settings, shows the same.
    let second = azure.site().await;
    second.ready().await;
    assert_eq!(second.page("/").await, site.page("/").await);

    let cloud = &azure.cloud;
    assert_eq!(cloud.tokens().len(), 2, "one token for each service was requested");
    let errors = site.page("/healthz").await + &site.get("/nope").await.text().await.unwrap();
    let readiness = site.readiness(StatusCode::OK, "ready").await;
    let (database, photos) = (azure.postgres().await.log(), azure.blob_storage().await.log());
    for text in [
        text,
        site.log(),
        second.log(),
        page,
        errors,
        readiness,
        database,
        photos,
    ] {
        cloud.assert_no_secret_in(&text);
    }
}

/// How many seconds [`no_request_fails_while_tokens_live_twenty_seconds`] runs. Set `PASSWORDLESS_SECONDS` to change
/// it.
fn seconds() -> u64 {
    std::env::var("PASSWORDLESS_SECONDS").map_or(65, |seconds| seconds.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_tokens_live_twenty_seconds() {
    let azure = Resources::start().await;
    azure.set_token_lifetime(Duration::from_secs(20));
    let site = azure.site().await;
    site.ready().await;
    let path = site.add_restaurant().await;

    let begun = Instant::now();
    let (mut requests, mut reviews) = (0, 0);
    while begun.elapsed() < Duration::from_secs(seconds()) {
        // Many requests need connections at once, and in every third round a photo needs a token for Blob Storage.
        let pages = (0..12).map(|_| site.get("/"));
        for response in futures_util::future::join_all(pages).await {
            assert_eq!(response.status(), StatusCode::OK, "{}", site.log());
            requests += 1;
        }
        let form = if reviews % 3 == 0 {
            review_with_photo("Ada", "4", photo())
        } else {
            review("Ada", "4", "")
        };
        assert_eq!(
            site.review(&path, form).await.status(),
            StatusCode::SEE_OTHER,
            "{}",
            site.log()
        );
        (requests, reviews) = (requests + 1, reviews + 1);
        // The server closes every connection while none is in use: the next ones sign in again.
        azure.database.end_connections().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(site.page(&path).await.contains(&format!("4.0 ({reviews} reviews)")));
    let verdicts = azure.postgres().await.verdicts();
    let refused = verdicts.iter().filter(|verdict| verdict.refusal.is_some()).count();
    let tokens = azure.cloud.tokens().len();
    println!(
        "{requests} requests in {} s, {} sign-ins with tokens that live 20 s, {tokens} tokens issued: 0 requests failed, \
         {refused} sign-ins refused",
        begun.elapsed().as_secs(),
        verdicts.len(),
    );
    // Only the last thousand are recorded.
    assert!(
        u64::try_from(verdicts.len()).unwrap() > (seconds() / 2).min(999),
        "connections were opened all the time"
    );
    assert!(u64::try_from(tokens).unwrap() >= seconds() / 20, "{tokens} tokens");
    azure.cloud.assert_no_secret_in(&site.log());
}

#[tokio::test]
async fn the_last_token_is_used_while_no_new_one_is_available() {
    let azure = Resources::start().await;
    azure.set_token_lifetime(Duration::from_secs(40));
    let site = azure.site().await;
    site.ready().await;
    let path = site.add_restaurant().await;
    azure.cloud.identity_endpoints().stop();
    // A refresh fails. The site keeps working, and reports it.
    let text = site.readiness(StatusCode::OK, "warning").await;
    assert!(text.contains("the token cannot be refreshed"), "{text}");
    assert_eq!(location(&site.review(&path, review("Ada", "5", "")).await), path);
    assert!(
        site.log().contains("no token could be fetched; trying again"),
        "{}",
        site.log()
    );
    // When the endpoint is back, the warning disappears without a restart.
    azure.cloud.identity_endpoints().start_again().unwrap();
    patiently("the warning disappears", async || {
        let text = site.get("/readyz").await.text().await.unwrap();
        (!text.contains("warning")).then_some(())
    })
    .await;
    assert!(site.log().contains("tokens are available again"));
    site.page(&path).await;
    azure.cloud.assert_no_secret_in(&site.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_recovers_when_the_database_restarts_under_load() {
    interrupt_database("restarted", Postgres::stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_recovers_when_the_database_is_killed_under_load() {
    interrupt_database("killed", Postgres::kill).await;
}

/// Stops the database in the middle of posts, and starts it again a little later.
async fn interrupt_database(how: &str, interrupt: fn(&Postgres)) {
    let azure = Resources::start().await;
    let site = azure.site().await;
    site.ready().await;
    let path = site.add_restaurant().await;

    let (mut saved, mut failed) = (0, 0);
    let mut downtime = None;
    for round in 0..45 {
        if round == 15 {
            interrupt(azure.postgres().await);
        }
        if round == 18 {
            azure.postgres().await.start_again().await.unwrap();
            downtime = Some(Instant::now());
        }
        let forms = (0..4).map(|_| site.review(&path, review("Typed name", "4", "")));
        for response in futures_util::future::join_all(forms).await {
            match response.status() {
                StatusCode::SEE_OTHER => {
                    saved += 1;
                    if let Some(since) = downtime.take() {
                        println!(
                            "PostgreSQL {how} and started: the first review was saved {} ms later",
                            since.elapsed().as_millis()
                        );
                    }
                }
                StatusCode::SERVICE_UNAVAILABLE => {
                    failed += 1;
                    let page = response.text().await.unwrap();
                    assert!(
                        page.contains("Typed name") && page.contains("could not save it just now"),
                        "{page}"
                    );
                }
                other => panic!("{other}: {}", site.log()),
            }
        }
    }
    assert!(failed > 0 && saved >= 4 * 30, "{saved} saved, {failed} not");
    site.ready().await;
    // Every review that the site confirmed is there. Reviews in flight when the database stopped may be there too.
    let page = site.page(&path).await;
    let count: usize = page
        .split("4.0 (")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        (saved..=saved + failed).contains(&count),
        "{saved} saved, {failed} not, {count} there"
    );
    let (cause, health) = (site.log(), site.get("/healthz").await.status());
    assert!(
        cause.contains("something the site depends on is unavailable"),
        "{cause}"
    );
    assert_eq!(health, StatusCode::OK);
    azure.cloud.assert_no_secret_in(&cause);
}

#[tokio::test]
async fn the_site_recovers_when_blob_storage_stops_for_a_while() {
    let azure = Resources::start().await;
    let site = azure.site().await;
    site.ready().await;
    let path = site.add_restaurant().await;
    site.review(&path, review_with_photo("Ada", "5", photo())).await;
    let link = photo_link(&site.page(&path).await);

    azure.blob_storage().await.stop();
    let refused = site.review(&path, review_with_photo("Typed name", "4", photo())).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("Typed name") && page.contains("its photo could not be stored just now"),
        "{page}"
    );
    assert_eq!(site.get(&link).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    site.readiness(StatusCode::OK, "photos cannot be stored").await;
    assert_eq!(
        location(&site.review(&path, review("Bob", "3", "")).await),
        path,
        "a review without a photo is saved"
    );

    azure.blob_storage().await.start_again().unwrap();
    let since = Instant::now();
    site.ready().await;
    assert_eq!(site.get(&link).await.status(), StatusCode::OK);
    println!(
        "Blob Storage is back: the first photo was read {} ms later",
        since.elapsed().as_millis()
    );
    assert_eq!(
        location(&site.review(&path, review_with_photo("Ada", "4", photo())).await),
        path
    );
    assert!(site.page(&path).await.contains("(3 reviews)"));
    azure.cloud.assert_no_secret_in(&site.log());
}

/// The server refuses the token that the site has, as after a change of roles.
#[tokio::test]
async fn a_refused_token_is_replaced_at_once() {
    let azure = Resources::start().await;
    let site = azure.site().await;
    site.ready().await;
    let endpoints = azure.cloud.identity_endpoints();
    let before = endpoints.requests();

    azure.database.bind_role(&Uuid::new_v4().to_string()).await;
    azure.database.end_connections().await;
    assert_eq!(site.get("/").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(endpoints.requests(), before + 1, "one newer token was requested");
    assert!(
        site.log().contains("the server refused the token; fetching another"),
        "{}",
        site.log()
    );
    // The newer token is refused too, and the identity endpoint is not called again and again.
    for _ in 0..5 {
        assert_eq!(site.get("/").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(endpoints.requests() <= before + 2);

    let id = azure.cloud.identity().principal_id.to_string();
    azure.database.bind_role(&id).await;
    site.ready().await;
    site.page("/").await;
    azure.cloud.assert_no_secret_in(&site.log());
}

/// The same binary with a local server: a password, and photos in a folder.
#[tokio::test]
async fn the_site_works_with_a_local_server_and_a_password() {
    let database = Database::with_password(&shared().await).await;
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("PORT", "0".to_owned()),
        ("DATA_DIR", folder.path().display().to_string()),
        ("DBHOST", database.config.host.clone()),
        ("DBPORT", database.config.port.to_string()),
        ("DBNAME", database.config.name.clone()),
        ("DBUSER", database.config.user.clone()),
        ("DBPASS", database.config.password.as_ref().unwrap().expose().to_owned()),
        ("PGSSLROOTCERT", database.cloud.root_certificate().display().to_string()),
    ];
    let (ok, text) = check(&environment).await;
    assert!(
        ok && text.contains("with a password") && text.contains("the next start will create its tables"),
        "{text}"
    );
    let site = Running::start(&environment).await;
    site.ready().await;
    let path = site.add_restaurant().await;
    assert_eq!(
        location(&site.review(&path, review_with_photo("Ada", "5", photo())).await),
        path
    );
    assert_eq!(
        site.get(&photo_link(&site.page(&path).await)).await.status(),
        StatusCode::OK
    );
    assert!(!site.log().contains(database.config.password.as_ref().unwrap().expose()));
    assert!(folder.path().join("photos").exists() && !folder.path().join("restaurants.sqlite3").exists());
}

#[tokio::test]
async fn each_wrong_setting_is_named() {
    let azure = Resources::start().await;
    let environment = azure.environment().await;
    let folder = tempfile::tempdir().unwrap();
    let stranger = Authority::open(folder.path()).unwrap();
    let stranger_file = stranger.file().display().to_string();

    // The authority of both services is in SSL_CERT_FILE too, whose certificates are trusted for PostgreSQL as well.
    let without_authority = with(environment.clone(), "SSL_CERT_FILE", &stranger_file);
    // Each: the setting, its wrong value, and what the log and `check` say about it.
    for (environment, name, value, named) in [
        (
            &environment,
            "AZURE_CLIENT_ID",
            "11111111-2222-3333-4444-555555555555",
            "identity",
        ),
        (&environment, "DBUSER", "nobody-knows", "nobody-knows"),
        (&without_authority, "PGSSLROOTCERT", &stranger_file, "certificate"),
    ] {
        // The site of the case before, whose role is another one, may still be signing in.
        let sign_ins = async || {
            let verdicts = azure.postgres().await.verdicts();
            let role = &azure.database.config.user;
            verdicts.iter().filter(|verdict| verdict.role == *role).count()
        };
        let before = sign_ins().await;
        let wrong = with(environment.clone(), name, value);
        let site = Running::start(&wrong).await;
        let readiness = site
            .readiness(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be reached")
            .await;
        patiently("the log names it", async || {
            site.log().contains("the store is not ready").then_some(())
        })
        .await;
        let page = site.get("/").await;
        assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE, "{name}");
        assert!(
            page.headers().contains_key("refresh"),
            "{name}: the page reloads by itself"
        );
        let page = page.text().await.unwrap();
        assert!(
            page.contains("Back in a moment") && !page.contains("developer"),
            "{page}"
        );
        assert_eq!(site.get("/healthz").await.status(), StatusCode::OK, "{name}");
        assert_eq!(site.get("/robots933456.txt").await.status(), StatusCode::OK, "{name}");
        let (ok, text) = check(&wrong).await;
        assert!(!ok && text.contains("store          not ready"), "{name}: {text}");
        for text in [site.log(), text] {
            assert!(
                text.to_lowercase().contains(named),
                "{name}: {named} is missing in\n{text}"
            );
            azure.cloud.assert_no_secret_in(&text);
        }
        azure.cloud.assert_no_secret_in(&(page + &readiness));
        if name == "PGSSLROOTCERT" {
            assert_eq!(
                sign_ins().await,
                before,
                "no token went over a connection that is not verified"
            );
        }
    }

    let database = &azure.database;
    // If the role may not create tables, the log has the command that lets it.
    database
        .admin(&format!(
            "revoke create on schema public from \"{}\"",
            database.config.user
        ))
        .await;
    let site = azure.site().await;
    let grant = format!(
        "GRANT USAGE, CREATE ON SCHEMA \\\"public\\\" TO \\\"{}\\\"",
        database.config.user
    );
    patiently("the log names the grant", async || {
        let log = site.log().replace("\\\"", "\"");
        log.contains(&grant.replace("\\\"", "\"")).then_some(())
    })
    .await;
    // Once the role may create tables, the site becomes ready by itself.
    database
        .admin(&format!(
            "grant create on schema public to \"{}\"",
            database.config.user
        ))
        .await;
    site.ready().await;
    site.add_restaurant().await;
}
