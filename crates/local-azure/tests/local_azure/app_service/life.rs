//! Instances from their start to their end.

use std::collections::HashSet;
use std::time::Duration;

use local_azure::app_service::{InstanceState, Options};
use uuid::Uuid;

use crate::cloud::{APP, Cloud, add, runs, until, web_app};

#[tokio::test]
async fn requests_wait_until_the_app_is_warm() {
    let cloud = Cloud::new(&[("WEBSITE_WARMUP_PATH", "/status"), ("WEBSITE_WARMUP_STATUSES", "200")]);
    cloud.flag("status", "500");
    cloud.deploy("1").await;
    until("it runs", || cloud.log().contains("up")).await;
    let held = tokio::spawn(cloud.client.get(cloud.url("/version")).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!held.is_finished());
    assert_eq!(cloud.states(), [InstanceState::Starting]);
    cloud.flag("status", "200");
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    assert_eq!(cloud.states(), [InstanceState::Ready]);
    assert!(cloud.log().contains("Ready: the warm-up request was answered after"));
}

#[tokio::test]
async fn a_start_that_takes_too_long_is_tried_again() {
    let cloud = Cloud::new(&[
        ("WEBSITE_WARMUP_STATUSES", "200"),
        ("WEBSITES_CONTAINER_START_TIME_LIMIT", "10"),
    ]);
    cloud.deploy("1").await;
    until("it is started again", || {
        cloud.log().matches("Starting on port").count() == 2
    })
    .await;
    let log = cloud.log();
    assert!(log.contains("It did not answer /robots933456.txt on port"), "{log}");
    assert!(log.contains("bye"), "{log}");
}

#[tokio::test]
async fn a_start_that_fails_is_explained() {
    let cloud = Cloud::with(&[], Options::default(), |app| {
        app.startup_command = "echo no database >&2; exit 7".to_owned();
    });
    cloud.deploy("1").await;
    let error = cloud.service.wait_ready(APP).await.unwrap_err().to_string();
    assert!(
        error.contains("ended with code 7") && error.contains("no database"),
        "{error}"
    );
    let answer = cloud.get("/").await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(!answer.text().await.unwrap().contains("no database"));
    assert_eq!(cloud.states(), [InstanceState::Crashed]);
    assert!(cloud.log().contains("It is started again in 2 s."));
}

#[tokio::test]
async fn an_app_that_crashes_is_started_again() {
    let cloud = Cloud::new(&[]).up().await;
    let before = cloud.service.status(APP).unwrap()[0].clone();
    assert_eq!(cloud.get("/crash").await.status(), 502);
    until("it is started again", || {
        let status = &cloud.service.status(APP).unwrap()[0];
        status.restarts == 1 && status.state == InstanceState::Ready
    })
    .await;
    let after = cloud.service.status(APP).unwrap()[0].clone();
    assert_eq!(after.id, before.id);
    assert_ne!(after.process, before.process);
    assert_eq!(cloud.text("/id").await, after.id);
    let log = cloud.log();
    assert!(log.contains("It ended with code 3. The last that it said:"), "{log}");
    assert!(log.contains("  about to crash"), "{log}");
}

#[tokio::test]
async fn sigterm_reaches_the_app_only_if_it_is_the_first_process() {
    let cloud = Cloud::new(&[]).up().await;
    cloud.service.stop_app(APP).await.unwrap();
    let log = cloud.log();
    assert!(
        log.contains("bye") && log.contains("Stopped: ended with code 0."),
        "{log}"
    );

    let cloud = Cloud::with(
        &[("WEBSITES_CONTAINER_STOP_TIME_LIMIT", "1")],
        Options::default(),
        |app| {
            app.startup_command = "./start.sh".to_owned();
        },
    )
    .up()
    .await;
    cloud.service.stop_app(APP).await.unwrap();
    let log = cloud.log();
    assert!(log.contains("SIGKILL to all after 1 s"), "{log}");
    assert!(
        !log.contains("bye") && log.contains("Stopped: was killed (SIGKILL)."),
        "{log}"
    );
}

#[tokio::test]
async fn an_app_that_does_not_end_is_killed_after_the_limit() {
    let cloud = Cloud::new(&[("STUBBORN", "1"), ("WEBSITES_CONTAINER_STOP_TIME_LIMIT", "1")])
        .up()
        .await;
    let process = cloud.service.status(APP).unwrap()[0].process.unwrap();
    cloud.service.stop_app(APP).await.unwrap();
    assert!(cloud.log().contains("was killed"));
    assert!(!runs(process));
    assert_eq!(cloud.states(), []);
    assert_eq!(cloud.get("/").await.status(), 403);
    cloud.service.start_app(APP).await.unwrap();
    cloud.service.wait_ready(APP).await.unwrap();
    assert_eq!(cloud.text("/version").await, "1");
}

#[test]
fn nothing_is_left_when_the_value_is_gone() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let cloud = Cloud::with(&[], Options::default(), |app| {
        app.instances = 2;
        app.startup_command = "sleep 1000 & echo sleeper $!; exec ./start.sh".to_owned();
    });
    // Started by one runtime, used by another.
    runtime().block_on(cloud.deploy("1"));
    runtime().block_on(cloud.service.wait_ready(APP)).unwrap();
    let mut processes: Vec<_> = cloud
        .service
        .status(APP)
        .unwrap()
        .iter()
        .filter_map(|one| one.process)
        .collect();
    let log = cloud.log();
    processes.extend(
        log.lines()
            .filter_map(|line| line.split_once("sleeper ")?.1.parse::<u32>().ok()),
    );
    assert_eq!(processes.len(), 4, "{log}");
    assert!(processes.iter().all(|one| runs(*one)));
    drop(cloud);
    assert!(!processes.iter().any(|one| runs(*one)));
}

#[tokio::test]
async fn a_restart_begins_with_the_new_instance_unless_the_port_is_fixed() {
    let cloud = Cloud::new(&[]).up().await;
    let before = cloud.service.status(APP).unwrap()[0].process;
    cloud.change(|app| {
        app.settings
            .insert("WEBSITE_WARMUP_PATH".to_owned(), "/status".to_owned());
        app.settings
            .insert("WEBSITE_WARMUP_STATUSES".to_owned(), "200".to_owned());
        app.settings.insert("ADDED".to_owned(), "1".to_owned());
    });
    cloud.flag("status", "500");
    cloud.service.restart(APP).await.unwrap();
    assert_eq!(cloud.json("/env").await["ADDED"], serde_json::Value::Null);
    cloud.flag("status", "200");
    cloud.service.wait_ready(APP).await.unwrap();
    assert_eq!(cloud.json("/env").await["ADDED"], "1");
    until("the old one has gone", || !runs(before.unwrap())).await;

    let port = cloud.service.status(APP).unwrap()[0].port.unwrap();
    cloud.change(|app| {
        app.settings.insert("PORT".to_owned(), port.to_string());
    });
    for _ in 0..2 {
        cloud.service.restart(APP).await.unwrap();
        cloud.service.wait_ready(APP).await.unwrap();
        assert_eq!(cloud.service.status(APP).unwrap()[0].port, Some(port));
        assert_eq!(cloud.json("/env").await["PORT"], port.to_string());
    }
}

#[tokio::test]
async fn an_identity_header_is_of_one_app_and_one_process() {
    let cloud = Cloud::with(&[], Options::default(), |app| {
        app.identity.system = Some(Uuid::new_v4());
    });
    let mut other = web_app("fabrikam", &[]);
    other.identity.user = vec![Uuid::new_v4()];
    add(&cloud.azure, other);
    let cloud = cloud.up().await;
    let package = local_azure::app_service::Package::Folder(cloud.source("1"));
    cloud.service.deploy("fabrikam", &package).await.unwrap();
    cloud.service.wait_ready("fabrikam").await.unwrap();
    let environment = |app: &str| {
        let url = format!("{}/env", cloud.service.url(app));
        let request = cloud.client.get(url).send();
        async move { request.await.unwrap().json::<serde_json::Value>().await.unwrap() }
    };
    let mut headers = Vec::new();
    for app in [APP, "fabrikam"] {
        let environment = environment(app).await;
        assert_eq!(environment["IDENTITY_ENDPOINT"], "http://127.0.0.1:1/msi/token");
        let header = environment["IDENTITY_HEADER"].as_str().unwrap().to_owned();
        assert_eq!(cloud.azure.identity_headers().app(&header).as_deref(), Some(app));
        headers.push(header);
    }
    assert_ne!(headers[0], headers[1]);
    cloud.service.restart(APP).await.unwrap();
    cloud.service.wait_ready(APP).await.unwrap();
    until("the old process has gone", || cloud.states().len() == 1).await;
    assert_eq!(cloud.azure.identity_headers().app(&headers[0]), None);
    assert_ne!(environment(APP).await["IDENTITY_HEADER"], headers[0]);
    assert!(!cloud.log().contains(&headers[0]));
    cloud.service.stop_app("fabrikam").await.unwrap();
    assert_eq!(cloud.azure.identity_headers().app(&headers[1]), None);
}

#[tokio::test]
async fn an_unhealthy_instance_gets_no_requests_and_is_replaced() {
    let options = Options {
        health_check_interval: Duration::from_millis(50),
        replace_after: Duration::from_secs(2),
        ..Options::default()
    };
    let cloud = Cloud::with(&[("WEBSITE_HEALTHCHECK_MAXPINGFAILURES", "2")], options, |app| {
        app.instances = 2;
        app.health_check_path = Some("/status".to_owned());
    })
    .up()
    .await;
    let sick = cloud.service.status(APP).unwrap()[0].clone();
    cloud.flag(&format!("status{}", sick.id), "302");
    until("it is unhealthy", || cloud.states()[0] == InstanceState::Unhealthy).await;
    for _ in 0..20 {
        assert_ne!(cloud.text("/id").await, sick.id);
    }
    until("it is replaced", || {
        let now = &cloud.service.status(APP).unwrap()[0];
        now.restarts == 1 && now.process != sick.process
    })
    .await;
    cloud.flag(&format!("status{}", sick.id), "200");
    until("it is well", || cloud.states() == [InstanceState::Ready; 2]).await;
    let mut seen = HashSet::new();
    while seen.len() < 2 {
        seen.insert(cloud.text("/id").await);
    }

    // All that are left cannot be taken away.
    cloud.flag("status", "500");
    until("all are unhealthy", || cloud.states() == [InstanceState::Unhealthy; 2]).await;
    assert_eq!(cloud.text("/version").await, "1");
}

#[tokio::test]
async fn an_instance_that_is_scaled_away_ends_its_requests_first() {
    let cloud = Cloud::new(&[]).up().await;
    cloud.service.scale(APP, 2).await.unwrap();
    cloud.service.wait_ready(APP).await.unwrap();
    let status = cloud.service.status(APP).unwrap();
    assert_eq!(status.iter().map(|one| one.number).collect::<Vec<_>>(), [0, 1]);
    // As many as it takes until both have one.
    let mut slow = Vec::new();
    while cloud.log().matches("[1 app] slow").count() == 0 {
        slow.push(tokio::spawn(cloud.client.get(cloud.url("/slow")).send()));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let scale = async {
        tokio::join!(cloud.service.scale(APP, 1), async {
            until("it is stopping", || {
                cloud.states().get(1) == Some(&InstanceState::Stopping)
            })
            .await;
            assert_eq!(cloud.text("/id").await, status[0].id);
            cloud.flag("go", "");
        })
    };
    scale.await.0.unwrap();
    for answer in slow {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(cloud.states(), [InstanceState::Ready]);
    assert!(!runs(status[1].process.unwrap()));
}

#[tokio::test]
async fn a_deleted_app_leaves_nothing() {
    let cloud = Cloud::new(&[("WEBSITE_RUN_FROM_PACKAGE", "1")]).up().await;
    let process = cloud.service.status(APP).unwrap()[0].process.unwrap();
    cloud
        .azure
        .change(|state| {
            state.web_apps.clear();
            Ok(())
        })
        .unwrap();
    let http = format!("http://contoso.localhost:{}/", cloud.service.http_port());
    assert_eq!(cloud.client.get(http).send().await.unwrap().status(), 404);
    cloud.service.delete_app(APP).await.unwrap();
    assert!(!runs(process) && !cloud.home().exists());
    assert!(cloud.service.delete_app(APP).await.is_err());
}

#[tokio::test]
async fn the_log_has_what_the_app_and_the_platform_say() {
    let cloud = Cloud::new(&[]).up().await;
    let mut logs = local_azure::app_service::logs(cloud.azure.folder(), APP);
    let lines = logs.lines();
    let app: Vec<_> = lines
        .iter()
        .filter(|line| !line.platform)
        .map(|line| line.text.as_str())
        .collect();
    assert_eq!(app, ["up", "to stderr"]);
    assert!(lines[0].platform && lines[0].text.contains("Starting on port"));
    assert!(cloud.home().join("LogFiles/lw0_default_docker.log").exists());
    cloud.service.stop_app(APP).await.unwrap();
    let lines: Vec<_> = logs.lines().iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line == "[0 app] bye"), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.ends_with("Stopped: ended with code 0.")),
        "{lines:?}"
    );
}
