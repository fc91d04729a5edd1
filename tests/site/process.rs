//! The command: its options, its start and its stop.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Site, encoded, red_blue, review_with_photo};
use crate::program::{Process, command, output};

#[tokio::test]
async fn help_and_version() {
    let (ok, help) = output(&["--help"], &[]).await;
    assert!(
        ok && help.contains("check") && help.contains("seed") && help.contains("serve"),
        "{help}"
    );
    for setting in ["PORT", "DATA_DIR", "DBHOST", "STORAGE_ACCOUNT_NAME", "AZURE_CLIENT_ID"] {
        assert!(help.contains(&format!("\n  {setting} ")), "{setting}: {help}");
    }
    let (ok, version) = output(&["--version"], &[]).await;
    assert!(ok);
    assert_eq!(version.trim(), concat!("restaurant-review ", env!("CARGO_PKG_VERSION")));
    let (ok, _) = output(&["--nonsense"], &[]).await;
    assert!(!ok);
}

#[tokio::test]
async fn a_wrong_setting_stops_it_at_once() {
    for arguments in [&[][..], &["check"], &["seed"]] {
        let (ok, text) = output(arguments, &[("PORT", "eighty"), ("MAX_UPLOAD_BYTES", "12")]).await;
        assert!(!ok);
        assert!(
            text.contains("PORT is \"eighty\", but it must be a port number from 0 to 65535."),
            "{text}"
        );
        assert!(
            text.contains("MAX_UPLOAD_BYTES is \"12\", but it must be a number of bytes"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    for arguments in [&[][..], &["check"], &["seed"]] {
        let (ok, text) = output(arguments, &[("DATA_DIR", "/dev/null/data")]).await;
        assert!(!ok);
        assert!(text.contains("DATA_DIR is \"/dev/null/data\""), "{text}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::serve(&[("DATA_DIR", folder.path().to_str().unwrap())]).await;
    let port = first.base.rsplit(':').next().unwrap();
    let (ok, text) = output(&[], &[("PORT", port), ("DATA_DIR", folder.path().to_str().unwrap())]).await;
    assert!(
        !ok && text.contains(&format!("PORT {port}")) && text.contains("free port"),
        "{text}"
    );
}

#[tokio::test]
async fn check_reports_each_part() {
    let folder = tempfile::tempdir().unwrap();
    let (ok, text) = output(&["check"], &[("DATA_DIR", folder.path().to_str().unwrap())]).await;
    assert!(ok, "{text}");
    for part in [
        "configuration  ok",
        "store          ready: SQLite file",
        "photos         ready: folder",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[tokio::test]
async fn the_start_logs_what_the_site_uses() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let local = Process::serve(&[("DATA_DIR", data)]).await;
    for part in [
        "restaurants and reviews: SQLite file",
        "photos: folder",
        "listening on http://127.0.0.1:",
        data,
    ] {
        assert!(
            local.announced.contains(part),
            "{part} is missing in\n{}",
            local.announced
        );
    }
    assert!(local.announced.lines().count() <= 5);

    // On App Service: JSON lines, and all addresses of the machine.
    let hostname = ("WEBSITE_HOSTNAME", "contoso.azurewebsites.net");
    let (ok, text) = output(&[], &[("DATA_DIR", data), hostname]).await;
    assert!(!ok && text.contains("ALLOW_LOCAL_DATA"), "{text}");
    let site = Process::serve(&[("DATA_DIR", data), hostname, ("ALLOW_LOCAL_DATA", "1")]).await;
    assert!(
        site.announced
            .lines()
            .all(|line| line.starts_with('{') && line.ends_with('}')),
        "{}",
        site.announced
    );
    assert!(site.announced.contains("listening on http://localhost:"));
}

#[tokio::test]
async fn a_dotenv_file_is_read_and_the_environment_wins() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join(".env"),
        "# local\nDATA_DIR=\"from dotenv\"\nMAX_UPLOAD_BYTES=12\n",
    )
    .unwrap();
    let run = async |environment: &[(&str, &str)]| {
        let output = command(&["check"], environment)
            .current_dir(folder.path())
            .output()
            .await
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (ok, text) = run(&[]).await;
    assert!(!ok && text.contains("MAX_UPLOAD_BYTES is \"12\""), "{text}");
    std::fs::write(
        folder.path().join(".env"),
        "DATA_DIR=\"from dotenv\"\nPORT=$HOME # a port\n",
    )
    .unwrap();
    let (ok, text) = run(&[("HOME", "8000")]).await;
    assert!(
        !ok && text.contains("PORT is \"$HOME\"") && text.contains(".env, line 2: the text from # on is a comment"),
        "{text}"
    );
    let (ok, text) = run(&[("PORT", "8000")]).await;
    assert!(ok && text.contains("from dotenv/photos"), "{text}");
    std::fs::write(folder.path().join(".env"), "SECRET=ab cd\n").unwrap();
    let (ok, text) = run(&[]).await;
    assert!(
        !ok && text.contains(".env has a line that cannot be read") && !text.contains("ab cd"),
        "{text}"
    );
}

#[tokio::test]
async fn data_survives_a_restart_and_a_second_process() {
    let folder = tempfile::tempdir().unwrap();
    let data = [("DATA_DIR", folder.path().to_str().unwrap())];
    let (ok, text) = output(
        &[
            "seed",
            "--restaurants",
            "3",
            "--reviews",
            "9",
            "--photos",
            "2",
            "--seed",
            "5",
        ],
        &data,
    )
    .await;
    assert!(
        ok && text.contains("added 3 restaurants with 9 reviews, 2 of them with a photo"),
        "{text}"
    );
    let first = Process::serve(&data).await;
    let second = Process::serve(&data).await;
    let read = async |base: &str| reqwest::get(format!("{base}/")).await.unwrap().text().await.unwrap();
    let page = read(&first.base).await;
    assert!(page.contains("reviews)") && page.contains("-thumb.jpg"));
    assert_eq!(
        read(&second.base).await,
        page,
        "two processes on the same folder show the same"
    );
    for process in [first, second] {
        process.signal("-TERM");
        assert!(process.ended().await.0);
    }
    let third = Process::serve(&data).await;
    assert_eq!(read(&third.base).await, page);
}

#[tokio::test]
async fn too_much_demo_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = [("DATA_DIR", folder.path().to_str().unwrap())];
    for (restaurants, reviews, wanted) in [
        ("0", "1", "--reviews needs at least one restaurant"),
        ("1", "10001", "--reviews is at most 10000 for each restaurant"),
        ("1", "1000000000", "is not in 0..=100000000"),
    ] {
        let (ok, text) = output(&["seed", "--restaurants", restaurants, "--reviews", reviews], &data).await;
        assert!(!ok && text.contains(wanted), "{text}");
    }
}

#[tokio::test]
async fn the_same_seed_makes_the_same_restaurants() {
    let list = async |seed: &str| {
        let folder = tempfile::tempdir().unwrap();
        let data = [("DATA_DIR", folder.path().to_str().unwrap())];
        assert!(
            output(
                &[
                    "seed",
                    "--restaurants",
                    "20",
                    "--reviews",
                    "60",
                    "--photos",
                    "0",
                    "--seed",
                    seed
                ],
                &data
            )
            .await
            .0
        );
        let process = Process::serve(&data).await;
        reqwest::get(format!("{}/?sort=rating", process.base))
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    assert_eq!(list("7").await, list("7").await);
    assert_ne!(list("7").await, list("8").await);
}

/// Starts a request and does not send its body.
async fn unfinished_request(base: &str) -> TcpStream {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    let body = "restaurant_name=Late&description=d";
    let head = format!(
        "POST /add HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: the request is in flight.
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 100 Continue"));
    stream
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        // A separate address, so that no other program takes the port once it is free.
        let environment = [("DATA_DIR", folder.path().to_str().unwrap()), ("HOST", "127.0.0.77")];
        let process = Process::serve(&environment).await;
        let mut stream = unfinished_request(&process.base).await;
        process.signal(signal);
        // It no longer listens, but answers the request in flight.
        while TcpStream::connect(process.base.trim_start_matches("http://"))
            .await
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stream.write_all(b"restaurant_name=Late&description=d").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        let (ok, log) = process.ended().await;
        assert!(ok && log.contains("stopped"), "{log}");
    }
}

#[tokio::test]
async fn a_stop_waits_only_for_a_limited_time() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("DATA_DIR", folder.path().to_str().unwrap()),
        ("SHUTDOWN_GRACE_SECONDS", "1"),
    ];
    let process = Process::serve(&environment).await;
    let _stream = unfinished_request(&process.base).await;
    process.signal("-TERM");
    let (ok, log) = process.ended().await;
    assert!(
        ok && log.contains("stopped after 1 seconds with requests in flight"),
        "{log}"
    );
}

/// A visitor who closes the page right after sending a review has still sent it.
#[tokio::test]
async fn a_change_is_completed_without_its_request() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    let photo = encoded(&red_blue(3000, 2000), image::ImageFormat::Jpeg);
    for patience in [1, 20, 60] {
        let send = site.review(&path, review_with_photo("Ada", "5", photo.clone()));
        let _ = tokio::time::timeout(Duration::from_millis(patience), send).await;
    }
    site.app.saves.close();
    site.app.saves.wait().await;
    // However far each request got, no photo lacks its review, and no review lacks its photo.
    let page = site.page(&path).await;
    let reviews = page.matches("class=\"review\"").count();
    assert_eq!(page.matches("-thumb.jpg").count(), reviews);
    assert_eq!(site.photo_files().len(), 2 * reviews);
    assert_eq!(
        reqwest::get(format!("{}/healthz", site.base)).await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_health_check_reports_whether_the_site_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let site = Process::serve(&[("DATA_DIR", folder.path().to_str().unwrap())]).await;
    let port = site.base.rsplit(':').next().unwrap().to_owned();
    // In a container the site listens on 0.0.0.0, which is reached at 127.0.0.1.
    for host in ["127.0.0.1", "0.0.0.0"] {
        let said = output(&["healthcheck"], &[("PORT", &port), ("HOST", host)]).await;
        assert_eq!(said, (true, String::new()));
    }
    // The test keeps this port. The port of a site that has stopped could be in use again.
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = deaf.local_addr().unwrap().port().to_string();
    tokio::spawn(async move { while deaf.accept().await.is_ok() {} });
    let (ok, said) = output(&["healthcheck"], &[("PORT", &port)]).await;
    assert!(!ok && said.contains("not up") && said.contains("/healthz"), "{said}");
}

#[tokio::test]
async fn each_link_to_the_staff_pages_can_be_opened_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::serve(&[("DATA_DIR", folder.path().to_str().unwrap())]).await;
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    for _ in 0..2 {
        let link = loop {
            let line = process.next_line().await;
            if let Some((_, link)) = line.split_once("staff pages (this link works once, within 15 minutes): ") {
                break link.to_owned();
            }
        };
        assert!(link.starts_with(&format!("{}/admin/enter/", process.base)), "{link}");
        let entered = client.get(link).send().await.unwrap();
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        // The page of another site cannot even ask for a link.
        let page = || client.get(format!("{}/admin/", process.base));
        let refused = page().header("host", "evil.example").send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::NOT_FOUND);
        // Without the session: the log gets a new link. Its address is the site's, whatever the request says.
        let refused = page().header("host", "evil.localhost").send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }
}
