//! The lifecycle of instances.

use std::collections::HashSet;
use std::time::Duration;

use local_azure::app_service::{InstanceState, Options};
use local_azure::state::{SystemAssigned, WebApp};
use local_azure::testing::patiently;

use crate::rig::{APP, Site, add, origin, runs, until};

#[tokio::test]
async fn requests_wait_until_the_app_is_warm() {
    let site = Site::new(&[("WEBSITE_WARMUP_PATH", "/status"), ("WEBSITE_WARMUP_STATUSES", "200")]);
    site.flag("status", "500");
    site.deploy("1").await;
    until("it runs", || site.log().contains("up")).await;
    let held = tokio::spawn(site.client.get(site.url("/version")).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!held.is_finished());
    assert_eq!(site.states(), [InstanceState::Starting]);
    site.flag("status", "200");
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    assert_eq!(site.states(), [InstanceState::Ready]);
    assert!(site.log().contains("Ready: the warm-up request was answered after"));
}

/// The log once the app has been started twice.
async fn log_of_two_starts(site: &Site) -> String {
    until("it is started again", || {
        site.log().matches("Starting on port").count() == 2
    })
    .await;
    site.log()
}

#[tokio::test]
async fn a_start_that_takes_too_long_is_retried() {
    let site = Site::new(&[
        ("WEBSITE_WARMUP_STATUSES", "200"),
        ("WEBSITES_CONTAINER_START_TIME_LIMIT", "10"),
    ]);
    site.deploy("1").await;
    let log = log_of_two_starts(&site).await;
    assert!(
        log.contains("The app answered /robots933456.txt with status 404, but not with status 200"),
        "{log}"
    );
    assert!(log.contains("bye"), "{log}");
}

#[tokio::test]
async fn an_app_that_listens_on_another_port_is_told_so() {
    let site = Site::with(
        &[("WEBSITES_CONTAINER_START_TIME_LIMIT", "10")],
        Options::default(),
        |app| app.startup_command = "PORT=0 exec ./start.sh".to_owned(),
    );
    site.deploy("1").await;
    let log = log_of_two_starts(&site).await;
    assert!(
        log.contains("did not answer /robots933456.txt on port") && log.contains("it listens on 127.0.0.1:"),
        "{log}"
    );
    assert!(log.contains("read the port from the variable PORT"), "{log}");
}

#[tokio::test]
async fn a_failed_start_is_explained() {
    let site = Site::with(&[], Options::default(), |app| {
        app.startup_command = "echo no database >&2; exit 7".to_owned();
    });
    site.deploy("1").await;
    let error = site.service().wait_ready(APP).await.unwrap_err().to_string();
    assert!(
        error.contains("exited with code 7") && error.contains("no database"),
        "{error}"
    );
    let answer = site.get("/").await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(!answer.text().await.unwrap().contains("no database"));
    until("it waits for its restart", || site.states() == [InstanceState::Crashed]).await;
    assert!(site.log().contains("Restarting in 2 s."));
}

#[tokio::test]
async fn a_crashed_app_is_restarted() {
    let site = Site::new(&[]).up().await;
    let before = site.service().status(APP).unwrap()[0].clone();
    assert_eq!(site.get("/crash").await.status(), 502);
    until("it is started again", || {
        let status = &site.service().status(APP).unwrap()[0];
        status.restarts == 1 && status.state == InstanceState::Ready
    })
    .await;
    let after = site.service().status(APP).unwrap()[0].clone();
    assert_eq!(after.id, before.id);
    assert_ne!(after.process, before.process);
    assert_eq!(site.text("/id").await, after.id);
    let log = site.log();
    assert!(log.contains("The app exited with code 3. Its last output:"), "{log}");
    assert!(log.contains("  about to crash"), "{log}");
}

#[tokio::test]
async fn sigterm_reaches_the_app_only_if_it_is_the_first_process() {
    let site = Site::new(&[]).up().await;
    site.service().stop_app(APP).await.unwrap();
    let log = site.log();
    assert!(
        log.contains("bye") && log.contains("Stopped: exited with code 0."),
        "{log}"
    );

    let site = Site::with(
        &[("WEBSITES_CONTAINER_STOP_TIME_LIMIT", "1")],
        Options::default(),
        |app| {
            app.startup_command = "./start.sh".to_owned();
        },
    )
    .up()
    .await;
    site.service().stop_app(APP).await.unwrap();
    let log = site.log();
    assert!(log.contains("SIGKILL to all processes after 1 s"), "{log}");
    assert!(
        !log.contains("bye") && log.contains("Stopped: was killed (SIGKILL)."),
        "{log}"
    );
}

#[tokio::test]
async fn an_app_that_ignores_sigterm_is_killed_after_the_limit() {
    let site = Site::new(&[("STUBBORN", "1"), ("WEBSITES_CONTAINER_STOP_TIME_LIMIT", "1")])
        .up()
        .await;
    let process = site.service().status(APP).unwrap()[0].process.unwrap();
    site.service().stop_app(APP).await.unwrap();
    assert!(site.log().contains("was killed"));
    assert!(!runs(process));
    assert_eq!(site.states(), []);
    assert_eq!(site.get("/").await.status(), 403);
    site.service().start_app(APP).await.unwrap();
    site.service().wait_ready(APP).await.unwrap();
    assert_eq!(site.text("/version").await, "1");
}

#[test]
fn no_process_outlives_the_service() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let site = Site::with(&[], Options::default(), |app| {
        app.startup_command = "sleep 1000 & echo sleeper $!; exec ./start.sh".to_owned();
    });
    site.set_instances(2);
    // The service starts in one runtime and is used in another.
    runtime().block_on(site.deploy("1"));
    runtime().block_on(site.service().wait_ready(APP)).unwrap();
    let mut processes: Vec<_> = site
        .service()
        .status(APP)
        .unwrap()
        .iter()
        .filter_map(|one| one.process)
        .collect();
    let log = site.log();
    processes.extend(
        log.lines()
            .filter_map(|line| line.split_once("sleeper ")?.1.parse::<u32>().ok()),
    );
    assert_eq!(processes.len(), 4, "{log}");
    assert!(processes.iter().all(|one| runs(*one)));
    drop(site);
    assert!(!processes.iter().any(|one| runs(*one)));
}

#[tokio::test]
async fn a_restart_starts_the_new_instance_first_unless_the_port_is_fixed() {
    let site = Site::new(&[]).up().await;
    let before = site.service().status(APP).unwrap()[0].process;
    site.change(|app| {
        app.settings
            .insert("WEBSITE_WARMUP_PATH".to_owned(), "/status".to_owned());
        app.settings
            .insert("WEBSITE_WARMUP_STATUSES".to_owned(), "200".to_owned());
        app.settings.insert("ADDED".to_owned(), "1".to_owned());
    });
    site.flag("status", "500");
    site.service().restart(APP).await.unwrap();
    assert_eq!(site.json("/env").await["ADDED"], serde_json::Value::Null);
    site.flag("status", "200");
    site.service().wait_ready(APP).await.unwrap();
    assert_eq!(site.json("/env").await["ADDED"], "1");
    until("the old process has ended", || !runs(before.unwrap())).await;

    let port = site.service().status(APP).unwrap()[0].port.unwrap();
    site.change(|app| {
        app.settings.insert("PORT".to_owned(), port.to_string());
    });
    for _ in 0..2 {
        site.service().restart(APP).await.unwrap();
        site.service().wait_ready(APP).await.unwrap();
        assert_eq!(site.service().status(APP).unwrap()[0].port, Some(port));
        assert_eq!(site.json("/env").await["PORT"], port.to_string());
    }
}

#[tokio::test]
async fn an_identity_header_is_valid_for_one_app_and_one_process() {
    let site = Site::with(&[], Options::default(), |app| {
        app.identity.system = Some(SystemAssigned::create());
    });
    add(site.azure(), "fabrikam", |app| app.identity.user.push(app.id.clone()));
    let site = site.up().await;
    let package = local_azure::app_service::Package::Folder(site.source("1"));
    site.service().deploy("fabrikam", &package, origin()).await.unwrap();
    site.service().wait_ready("fabrikam").await.unwrap();
    let environment = |app: &str| {
        let url = format!("{}/env", site.service().url(app));
        let request = site.client.get(url).send();
        async move { request.await.unwrap().json::<serde_json::Value>().await.unwrap() }
    };
    let mut headers = Vec::new();
    for app in [APP, "fabrikam"] {
        let environment = environment(app).await;
        assert_eq!(
            environment["IDENTITY_ENDPOINT"],
            site.identity_endpoints().app_service_url()
        );
        let header = environment["IDENTITY_HEADER"].as_str().unwrap().to_owned();
        assert_eq!(site.azure().identity_headers().app(&header).as_deref(), Some(app));
        headers.push(header);
    }
    assert_ne!(headers[0], headers[1]);
    site.service().restart(APP).await.unwrap();
    site.service().wait_ready(APP).await.unwrap();
    until("the old process has ended", || site.states().len() == 1).await;
    assert_eq!(site.azure().identity_headers().app(&headers[0]), None);
    assert_ne!(environment(APP).await["IDENTITY_HEADER"], headers[0]);
    assert!(!site.log().contains(&headers[0]));
    site.service().stop_app("fabrikam").await.unwrap();
    assert_eq!(site.azure().identity_headers().app(&headers[1]), None);
}

#[tokio::test]
async fn an_unhealthy_instance_gets_no_requests_and_is_replaced() {
    let options = Options {
        health_check_interval: Duration::from_millis(50),
        replace_after: Duration::from_secs(2),
        ..Options::default()
    };
    let site = Site::with(&[("WEBSITE_HEALTHCHECK_MAXPINGFAILURES", "2")], options, |app| {
        app.health_check_path = Some("/status".to_owned());
    });
    site.set_instances(2);
    let site = site.up().await;
    let sick = site.service().status(APP).unwrap()[0].clone();
    site.flag(&format!("status{}", sick.id), "302");
    until("it is unhealthy", || site.states()[0] == InstanceState::Unhealthy).await;
    for _ in 0..20 {
        let answered = site.text("/id").await;
        // On a slow machine, it may have been replaced and be ready again by now.
        if site.service().status(APP).unwrap()[0].restarts > 0 {
            break;
        }
        assert_ne!(answered, sick.id);
    }
    until("it is replaced", || {
        let now = &site.service().status(APP).unwrap()[0];
        now.restarts >= 1 && now.process != sick.process
    })
    .await;
    site.flag(&format!("status{}", sick.id), "200");
    until("both are healthy", || site.states() == [InstanceState::Ready; 2]).await;
    let mut seen = HashSet::new();
    patiently("both instances answer", async || {
        seen.insert(site.text("/id").await);
        (seen.len() == 2).then_some(())
    })
    .await;

    // When all instances are unhealthy, all of them get requests.
    site.flag("status", "500");
    until("all are unhealthy", || site.states() == [InstanceState::Unhealthy; 2]).await;
    assert_eq!(site.text("/version").await, "1");
}

#[tokio::test]
async fn a_removed_instance_finishes_its_requests_first() {
    let site = Site::new(&[]).up().await;
    site.service().scale(APP, 2).await.unwrap();
    site.service().wait_ready(APP).await.unwrap();
    let status = site.service().status(APP).unwrap();
    assert_eq!(status.iter().map(|one| one.number).collect::<Vec<_>>(), [0, 1]);
    // Enough requests that both instances have one.
    let mut slow = Vec::new();
    patiently("both instances have a request", async || {
        slow.push(tokio::spawn(site.client.get(site.url("/slow")).send()));
        tokio::time::sleep(Duration::from_millis(100)).await;
        site.log().contains("[1 app] slow").then_some(())
    })
    .await;
    let scale = async {
        tokio::join!(site.service().scale(APP, 1), async {
            until("it is stopping", || {
                site.states().get(1) == Some(&InstanceState::Stopping)
            })
            .await;
            assert_eq!(site.text("/id").await, status[0].id);
            site.flag("go", "");
        })
    };
    scale.await.0.unwrap();
    for answer in slow {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(site.states(), [InstanceState::Ready]);
    assert!(!runs(status[1].process.unwrap()));
}

#[tokio::test]
async fn a_deleted_app_leaves_nothing_behind() {
    let site = Site::new(&[("WEBSITE_RUN_FROM_PACKAGE", "1")]).up().await;
    let process = site.service().status(APP).unwrap()[0].process.unwrap();
    site.azure()
        .change(|state| {
            state.clear::<WebApp>();
            Ok(())
        })
        .unwrap();
    let http = format!("http://contoso.localhost:{}/", site.service().http_port());
    assert_eq!(site.client.get(http).send().await.unwrap().status(), 404);
    site.service().delete_app(APP).await.unwrap();
    assert!(!runs(process) && !site.home().exists());
    assert!(site.service().stop_app(APP).await.is_err());

    // Another app of the same name starts without the files of the first.
    add(site.azure(), APP, |_| {});
    assert!(site.service().start_app(APP).await.is_err(), "nothing is deployed");
}

/// Its deletion does not wait until the deployment gives up.
#[tokio::test]
async fn an_app_is_deleted_while_it_is_deployed() {
    let site = Site::with(&[], Options::default(), |app| {
        app.startup_command = "sleep 1000".to_owned();
    });
    let deployment = site.deploy("1").await;
    assert!(!deployment.is_complete());
    let process = || site.service().status(APP).unwrap()[0].process;
    until("it runs", || process().is_some()).await;
    let process = process().unwrap();
    site.azure()
        .change(|state| {
            state.clear::<WebApp>();
            Ok(())
        })
        .unwrap();
    site.service().delete_app(APP).await.unwrap();
    assert!(!runs(process) && !site.home().exists());
}

#[tokio::test]
async fn the_log_contains_the_output_of_the_app_and_messages_of_the_platform() {
    let site = Site::new(&[]).up().await;
    let mut logs = local_azure::app_service::logs(site.azure().folder(), APP);
    let lines = logs.lines();
    let app: Vec<_> = lines
        .iter()
        .filter(|line| !line.platform)
        .map(|line| line.text.as_str())
        .collect();
    assert_eq!(app, ["up", "to stderr"]);
    assert!(lines[0].platform && lines[0].text.contains("Starting on port"));
    assert!(site.home().join("LogFiles/lw0_default_docker.log").exists());
    site.service().stop_app(APP).await.unwrap();
    let lines: Vec<_> = logs.lines().iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.ends_with("Z [0 app] bye")), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.ends_with("Stopped: exited with code 0.")),
        "{lines:?}"
    );
}
